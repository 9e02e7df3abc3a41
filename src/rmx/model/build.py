"""A reward model from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.adapter import add_adapter
from rmx.model.compilation import compile_layers
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout
from rmx.model.reward_model import RewardModel
from rmx.model.tokenizer import load_tokenizer
from rmx.model.weights import load_backbone

__all__ = ["BuiltModel", "build_reward_model"]


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A reward model ready to train, its tokenizer, and what to record of both."""

    reward_model: RewardModel
    tokenizer: Any
    facts: Mapping[str, Any]
    """Those of the backbone, and trunk, adapter, trainable (parameters), head_init_std."""
    unpacked: str
    """Why sequences are padded although the packed layout was asked for; else empty."""


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
    rows = backbone.facts["vocabulary"]
    if len(tokenizer) > rows:
        raise ModelError(
            f"{model.source}: the tokenizer has {len(tokenizer)} tokens, the embedding {rows} rows; "
            "use the tokenizer that the weights were trained with"
        )
    chosen, unpacked = adopt_layout(backbone.module, layout)
    if model.gradient_checkpointing and not frozen:
        _enable_checkpointing(backbone.module)
    trained = add_adapter(backbone.module, adapter, seed=seed)
    if model.compile:
        compile_layers(backbone.module)
    head = ScalarHead(backbone.facts["hidden"], std=model.head_init_std, seed=seed)
    reward_model = RewardModel(trained, head, chosen, frozen=frozen)
    facts = {
        **backbone.facts,
        "trunk": model.trunk,
        "adapter": adapter.kind,
        "trainable": sum(p.numel() for p in reward_model.parameters() if p.requires_grad),
        "head_init_std": model.head_init_std,
    }
    return BuiltModel(reward_model, tokenizer, facts, unpacked)


def _enable_checkpointing(backbone: Any) -> None:
    # transformers renamed it; the old name is all that 5.3 has.
    enable = getattr(backbone, "activation_checkpointing_enable", None) or backbone.gradient_checkpointing_enable
    enable({"use_reentrant": False})
