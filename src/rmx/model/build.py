"""What trains, from its configuration: an explicit reward model, or a policy whose reward is implicit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rmx.config.schema import AdapterConfig, MethodConfig, ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.adapter import add_adapter
from rmx.model.compilation import compile_layers
from rmx.model.head import ScalarHead
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.layouts import TokenLayout, adopt_layout
from rmx.model.reference_policy import AdapterDisabled, Precomputed
from rmx.model.reward_model import RewardModel
from rmx.model.sequence_model import SequenceModel
from rmx.model.tokenizer import load_tokenizer
from rmx.model.vocabulary_head import vocabulary_head
from rmx.model.weights import Backbone, load_backbone, load_causal_lm

__all__ = ["BuiltModel", "build_implicit_reward", "build_model", "build_reward_model"]


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A sequence scorer ready to train, its tokenizer, and what to record of both."""

    reward_model: SequenceModel
    tokenizer: Any
    facts: Mapping[str, Any]
    """Those of the backbone, and adapter, trainable (parameters); of a reward model trunk and head_init_std; of a
    policy beta and reference, the weights that it is compared with."""
    unpacked: str
    """Why sequences are padded although the packed layout was asked for; else empty."""


def build_model(
    method: MethodConfig, model: ModelConfig, adapter: AdapterConfig, *, layout: str, seed: int, cache: Path
) -> BuiltModel:
    """Build what `method` trains; arguments and errors as of the builders."""
    if method.kind == "dpo":
        return build_implicit_reward(method, model, adapter, layout=layout, seed=seed, cache=cache)
    return build_reward_model(model, adapter, layout=layout, seed=seed, cache=cache)


def build_reward_model(
    model: ModelConfig, adapter: AdapterConfig, *, layout: str, seed: int, cache: Path
) -> BuiltModel:
    """Load the backbone, add the adapter and a fresh head.

    Args:
        model: Weights, depth, dtype, trunk, head initialisation.
        adapter: Low-rank adapter, or `none`.
        layout: How sequences meet the hardware; a backbone that cannot be packed is padded.
        seed: Seeds head and adapter; the backbone does not depend on it.
        cache: The directory of `paths.cache`.

    Raises:
        ConfigError: Settings that do not go together.
        ModelError: Weights that cannot be reached, read, trained as a reward model or exported as one.
    """
    if model.trunk not in ("trained", "frozen"):
        raise ConfigError(f"model.trunk={model.trunk!r} is unknown; choose trained or frozen")
    frozen = model.trunk == "frozen"
    if frozen and adapter.kind != "none":
        raise ConfigError(f"model.trunk=frozen trains the head alone and adapter={adapter.kind} more; set adapter=none")
    tokenizer = load_tokenizer(model, cache)
    with torch.random.fork_rng(devices=[]):  # loading draws random numbers that it then overwrites
        backbone = load_backbone(model, cache)
    _check_vocabulary(tokenizer, backbone, model)
    trained, chosen, unpacked = _made_trainable(backbone, model, adapter, layout=layout, seed=seed)
    head = ScalarHead(backbone.facts["hidden"], std=model.head_init_std, seed=seed)
    reward_model = RewardModel(trained, head, chosen, frozen=frozen)
    facts = {
        **backbone.facts,
        "trunk": model.trunk,
        "adapter": adapter.kind,
        "trainable": _trainable(reward_model),
        "head_init_std": model.head_init_std,
        **_template(model),
    }
    return BuiltModel(reward_model, tokenizer, facts, unpacked)


def build_implicit_reward(
    method: MethodConfig, model: ModelConfig, adapter: AdapterConfig, *, layout: str, seed: int, cache: Path
) -> BuiltModel:
    """Load a causal LM as the policy and add the adapter; its reference is the same weights without it.

    Args:
        method: `beta`.
        model: Weights, depth, dtype.
        adapter: Low-rank adapter; with `none` the reference has to `remember` what it says before training.
        layout: How sequences meet the hardware; a backbone that cannot be packed is padded.
        seed: Seeds the adapter.
        cache: The directory of `paths.cache`.

    Raises:
        ConfigError: Settings that do not go together.
        ModelError: Weights that cannot be reached or read, or are no causal LM's.
    """
    if method.beta is None:
        raise ConfigError("method.beta: missing value; give above 0, usually 0.1")
    tokenizer = load_tokenizer(model, cache)
    with torch.random.fork_rng(devices=[]):  # loading draws random numbers that it then overwrites
        network, backbone = load_causal_lm(model, cache)
    _check_vocabulary(tokenizer, backbone, model)
    head = vocabulary_head(network)
    trained, chosen, unpacked = _made_trainable(backbone, model, adapter, layout=layout, seed=seed)
    lora = adapter.kind != "none"
    head.requires_grad_(not lora)
    policy = ImplicitReward(
        trained, head, chosen, beta=method.beta, reference=AdapterDisabled() if lora else Precomputed()
    )
    facts = {
        **backbone.facts,
        "adapter": adapter.kind,
        "trainable": _trainable(policy),
        "beta": method.beta,
        "reference": _recipe(model, backbone),
        **_template(model),
    }
    return BuiltModel(policy, tokenizer, facts, unpacked)


def _made_trainable(
    backbone: Backbone, model: ModelConfig, adapter: AdapterConfig, *, layout: str, seed: int
) -> tuple[nn.Module, TokenLayout, str]:
    """Return the backbone with its adapter, the layout that it took, and why that is not the one asked for."""
    chosen, unpacked = adopt_layout(backbone.module, layout)
    if model.gradient_checkpointing and model.trunk != "frozen":
        _enable_checkpointing(backbone.module)
    trained = add_adapter(backbone.module, adapter, seed=seed)
    if model.compile:
        compile_layers(backbone.module)
    return trained, chosen, unpacked


def _check_vocabulary(tokenizer: Any, backbone: Backbone, model: ModelConfig) -> None:
    rows = backbone.facts["vocabulary"]
    if len(tokenizer) > rows:
        raise ModelError(
            f"{model.source}: the tokenizer has {len(tokenizer)} tokens, the embedding {rows} rows; "
            "use the tokenizer that the weights were trained with"
        )


def _recipe(model: ModelConfig, backbone: Backbone) -> dict[str, Any]:
    """Return the settings of `model` that lead to the same weights again, the revision that was found among them."""
    found = {"revision": backbone.facts.get("revision")}
    if backbone.facts["kind"] == "directory":
        # As given it would lead elsewhere from another working directory.
        found["source"] = backbone.facts["base"]
    return {**{key: getattr(model, key) for key in ("source", "sha256", "init", "shape", "layers", "dtype")}, **found}


def _template(model: ModelConfig) -> dict[str, Any]:
    """Return the values of the chat template's variables, which stand in the template's text, for people to read."""
    return {"template_args": dict(model.template_args)} if model.template_args else {}


def _trainable(model: SequenceModel) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _enable_checkpointing(backbone: Any) -> None:
    # transformers renamed it; the old name is all that 5.3 has.
    enable = getattr(backbone, "activation_checkpointing_enable", None) or backbone.gradient_checkpointing_enable
    enable({"use_reentrant": False})
