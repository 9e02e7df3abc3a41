"""What trains, from its configuration: an explicit reward model, or a policy whose reward is implicit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rmx.config.schema import AdapterConfig, MethodConfig, ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.adapter import add_adapter
from rmx.model.checkpointing import checkpoint_layers
from rmx.model.classifier import reader
from rmx.model.compilation import compile_layers
from rmx.model.found_adapter import FoundAdapter, put_on, read_found
from rmx.model.head import ScalarHead
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.layouts import adopt_layout
from rmx.model.layouts.offloaded import Offloaded
from rmx.model.model_config import context_length
from rmx.model.reference_policy import AdapterDisabled, Precomputed
from rmx.model.reward_model import RewardModel
from rmx.model.sequence_model import SequenceModel
from rmx.model.tokenizer import load_tokenizer
from rmx.model.vocabulary_head import vocabulary_head
from rmx.model.weights import Backbone, Classifier, load_causal_lm, load_classifier

__all__ = ["BuiltModel", "build_implicit_reward", "build_model", "build_reward_model"]


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A sequence scorer ready to train, its tokenizer, and what to record of both."""

    reward_model: SequenceModel
    tokenizer: Any
    facts: Mapping[str, Any]
    """Those of the backbone, and adapter, trainable (parameters); of a reward model trunk, head (`new`, or `kept` from
    the source) and head_init_std; of a policy beta and reference, the weights that it is compared with."""
    max_length: int
    """Tokens that it can read."""
    unpacked: str
    """Why sequences are padded although the packed layout was asked for; else empty."""
    notes: Sequence[str] = ()
    """What became of adapters that were found, a line each."""


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
    """Load the backbone, add the adapter, and the source's own head or a new one.

    Args:
        model: Weights, depth, dtype, trunk, head initialisation.
        adapter: Low-rank adapter, or `none`.
        layout: How sequences meet the hardware; a backbone that cannot be packed is padded.
        seed: Seeds adapter and a new head; the backbone does not depend on it.
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
    loaded = load_classifier(model, cache, seed=seed, packed=adapter.kind == "qlora")
    _check_head(loaded, model)
    _check_vocabulary(tokenizer, loaded.backbone, model)
    head = _head(loaded, model, seed)
    _check_padding(tokenizer, loaded, model)
    parts = reader(loaded.network, loaded.parts, layout, directory=loaded.directory)
    read = Offloaded(parts.layout) if model.activation_offload else parts.layout
    trained = _made_trainable(loaded.backbone, model, adapter, seed=seed)
    notes, origin = [], "new" if loaded.kept is None else "kept"
    for key, what, found in trained.found:
        if lost := [name for name in found.left_out if name.partition(".")[0] in (parts.between or ())]:
            raise ModelError(
                f"{found.directory}: {lost[0]}, between the backbone and its head, was trained beside the adapter "
                f"({key}) and would start afresh; merge the adapter into its classifier and give that as model.source"
            )
        if found.head is not None:
            _refuse_new_head(model, f"{key}={found.directory} is of a reward model", "give an adapter without a head")
            _take_over(head, found, key)
            origin = "found"
        notes.append(found.told(key, what, f"a {'fresh' if found.head is None else 'found'} scalar head"))
    reward_model = RewardModel(trained.module, head, read, between=parts.between, frozen=frozen)
    facts = {
        **trained.facts,
        "trunk": model.trunk,
        "adapter": adapter.kind,
        "trainable": _trainable(reward_model),
        "head": origin,
        "head_init_std": model.head_init_std,
        **_template(model),
    }
    context = context_length(loaded.backbone.config)
    return BuiltModel(reward_model, tokenizer, facts, context, parts.unpacked, notes)


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
        network, backbone = load_causal_lm(model, cache, packed=adapter.kind == "qlora")
    _check_vocabulary(tokenizer, backbone, model)
    head = vocabulary_head(network)
    chosen, unpacked = adopt_layout(backbone.module, layout)
    read = Offloaded(chosen) if model.activation_offload else chosen
    trained = _made_trainable(backbone, model, adapter, seed=seed)
    lora = adapter.kind != "none"
    head.requires_grad_(not lora)
    policy = ImplicitReward(
        trained.module,
        head,
        read,
        beta=method.beta,
        reference=AdapterDisabled() if lora else Precomputed(),
    )
    facts = {
        **trained.facts,
        "adapter": adapter.kind,
        "trainable": _trainable(policy),
        "beta": method.beta,
        "reference": _recipe(model, backbone),
        **_template(model),
    }
    notes = [found.told(key, what, "no scalar head is used") for key, what, found in trained.found]
    return BuiltModel(policy, tokenizer, facts, context_length(backbone.config), unpacked, notes)


@dataclass(frozen=True, slots=True)
class _Trainable:
    """A backbone with what trains of it."""

    module: nn.Module
    facts: Mapping[str, Any]
    found: Sequence[tuple[str, str, FoundAdapter]]
    """Adapters that were found: the key that named each, and what became of it."""


def _made_trainable(backbone: Backbone, model: ModelConfig, adapter: AdapterConfig, *, seed: int) -> _Trainable:
    """Return the backbone, which has its layout, with its adapter."""
    facts = dict(backbone.facts)
    found = [] if backbone.merged is None else [("model.adapter", "merged into the weights", backbone.merged)]
    if model.gradient_checkpointing and model.trunk != "frozen":
        checkpoint_layers(backbone.module, reentrant=model.checkpointing_reentrant)
    if adapter.kind == "peft":
        earlier = read_found(adapter.source or "", backbone.module, key="adapter.source")
        trained = put_on(backbone.module, earlier, key="adapter.source")
        found.append(("adapter.source", "goes on training", earlier))
        facts["found_adapter"] = earlier.facts
    else:
        trained = add_adapter(backbone.module, adapter, seed=seed)
    if model.compile:
        compile_layers(backbone.module)
    return _Trainable(trained, facts, found)


def _check_head(loaded: Classifier, model: ModelConfig) -> None:
    """Refuse settings that a stored head, or one that is not stored whole, cannot heed."""
    if loaded.kept is not None:
        _refuse_new_head(model, f"{model.source} is a reward model", "start from the model that it was made of")
    if loaded.new and model.trunk == "frozen":
        raise ConfigError(
            f"model.trunk=frozen: {loaded.new[0]} is not stored in {model.source} and would stay random; "
            "set model.trunk=trained"
        )


def _refuse_new_head(model: ModelConfig, whose: str, otherwise: str) -> None:
    if model.head_init == "normal" and model.head_init_std is None:
        return
    key = "head_init" if model.head_init != "normal" else "head_init_std"
    raise ConfigError(
        f"model.{key}={getattr(model, key)}: {whose}, whose trained head would be lost; leave it out, or {otherwise}"
    )


def _head(loaded: Classifier, model: ModelConfig, seed: int) -> ScalarHead:
    if loaded.kept is not None:
        return loaded.kept
    layer = loaded.network.get_submodule(loaded.parts.head)
    return ScalarHead(layer.in_features, std=model.head_init_std, seed=seed, bias=layer.bias is not None)


def _take_over(head: ScalarHead, found: FoundAdapter, key: str) -> None:
    if found.head is None or found.head.shape != head.weight.shape:
        raise ModelError(
            f"{found.directory}: its scalar head does not fit a backbone of width {head.weight.shape[1]} ({key}); "
            "give model.source the base that it was trained on"
        )
    with torch.no_grad():
        head.weight.copy_(found.head)


def _check_vocabulary(tokenizer: Any, backbone: Backbone, model: ModelConfig) -> None:
    rows = backbone.facts["vocabulary"]
    if len(tokenizer) > rows:
        raise ModelError(
            f"{model.source}: the tokenizer has {len(tokenizer)} tokens, the embedding {rows} rows; "
            "use the tokenizer that the weights were trained with"
        )


def _check_padding(tokenizer: Any, loaded: Classifier, model: ModelConfig) -> None:
    """Refuse an encoder that others would pad so that it reads the padding, or pools it."""
    if not loaded.parts.pools_last and tokenizer.padding_side == "left":
        raise ModelError(
            f"{model.source}: its tokenizer pads on the left, and an encoder is padded on the right alone; "
            "set padding_side to right in tokenizer_config.json of a local copy"
        )


def _recipe(model: ModelConfig, backbone: Backbone) -> dict[str, Any]:
    """Return the settings of `model` that lead to the same weights again, the revision that was found among them."""
    found = {"revision": backbone.facts.get("revision")}
    if backbone.facts["kind"] == "directory":
        # As given it would lead elsewhere from another working directory.
        found["source"] = backbone.facts["base"]
    if model.adapter is not None:
        found["adapter"] = str(Path(model.adapter).resolve())
    return {
        **{key: getattr(model, key) for key in ("source", "sha256", "parts", "init", "shape", "layers", "dtype")},
        **found,
    }


def _template(model: ModelConfig) -> dict[str, Any]:
    """Return the values of the chat template's variables, which stand in the template's text, for people to read."""
    return {"template_args": dict(model.template_args)} if model.template_args else {}


def _trainable(model: SequenceModel) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
