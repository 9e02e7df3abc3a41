"""A peft adapter that was trained before, here or elsewhere: gone on with, or merged into the weights.

peft saves an adapter under the names of the model that it was put on: a base model, a causal LM or a sequence
classifier, whose head is then among its tensors. Here they get the names of the base model alone, and the head stays
the head.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from rmx.errors import ModelError
from rmx.model.lora_linear import fuse_lora

__all__ = ["ADAPTER_CONFIG", "FoundAdapter", "merge_found", "put_on", "read_found"]

ADAPTER_CONFIG = "adapter_config.json"
_TENSORS = "adapter_model.safetensors"
_ROOT = "base_model.model."
"""What peft writes in front of every name."""
_HEADS = ("score", "classifier", "v_head", "value_head")
_CHANGE_BASE = ("pissa", "olora", "loftq", "corda")
"""Initialisations that take the adapter's start out of the base weights."""


@dataclass(frozen=True)
class FoundAdapter:
    """The adapter of one directory, by the names of the base model that it was read for."""

    directory: Path
    config: Any
    """Of peft, for the base model alone."""
    tensors: Mapping[str, Tensor]
    """Of the adapted modules."""
    whole: Mapping[str, Tensor]
    """Weights of the base model that trained whole beside them."""
    head: Tensor | None
    """Weights (1, hidden) of a scalar head that was saved with it."""
    left_out: tuple[str, ...]
    """Modules that the base model does not have, such as a language-model head."""
    digest: str
    """SHA-256 of both files."""

    @property
    def facts(self) -> dict[str, Any]:
        """Return what to record: no path, which says where it was and not which."""
        return {"sha256": self.digest, "base": self.config.base_model_name_or_path, "r": self.config.r}

    def told(self, key: str, what: str, head: str) -> str:
        """Return the line that says what becomes of it.

        Args:
            key: The configuration key that named it.
            what: What becomes of its modules.
            head: What becomes of its scalar head, or of that there is none.
        """
        modules = len({_module(name) for name in self.tensors})
        base = self.config.base_model_name_or_path
        parts = [f"{key}={self.directory}: {modules} modules, r={self.config.r}, made for {base or 'an unnamed base'}"]
        parts += [what, head, *(f"no place for {name}" for name in self.left_out)]
        return "; ".join(part for part in parts if part)


def read_found(directory: str | Path, backbone: Any, *, key: str) -> FoundAdapter:
    """Read the adapter of a directory for a base model.

    Args:
        directory: Holds adapter_config.json and adapter_model.safetensors.
        backbone: The transformers base model that it is for, without an adapter.
        key: The configuration key that named it, for messages.

    Raises:
        ModelError: It cannot be read, is no LoRA of this base model, or needs what the directory does not hold.
    """
    from peft import LoraConfig, PeftConfig

    path = Path(directory)
    if not (path / ADAPTER_CONFIG).is_file():
        raise ModelError(f"{path}: holds no {ADAPTER_CONFIG} ({key}); give the directory of a peft adapter")
    try:
        config = PeftConfig.from_pretrained(str(path), local_files_only=True)
        raw = (path / _TENSORS).read_bytes()
        tensors = load(raw)
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"{path}: the adapter cannot be read ({_line(error)}); save it again by peft ({key})"
        ) from error
    if not isinstance(config, LoraConfig):
        raise ModelError(f"{path}: is a {config.peft_type} adapter ({key}); only LoRA and its variants are read")
    if str(config.init_lora_weights).split("_")[0] in _CHANGE_BASE:
        raise ModelError(
            f"{path}: was started by {config.init_lora_weights}, which changes the base weights that it needs ({key}); "
            "convert it by peft's path_initial_model_for_weight_conversion, or merge it where it was trained"
        )
    placed = _Placed(path, backbone, key)
    for name, tensor in tensors.items():
        placed.put(name.removeprefix(_ROOT), tensor)
    if not placed.tensors:
        raise ModelError(
            f"{path}: adapts no module of a {backbone.config.model_type} ({key}); give model.source its base"
        )
    prefix = f"{backbone.base_model_prefix}."
    plain = replace(
        config,
        task_type="FEATURE_EXTRACTION",
        inference_mode=False,
        modules_to_save=None,
        # By name: patterns were written for the names of another model around the base.
        target_modules=sorted({_module(name) for name in placed.tensors}),
        exclude_modules=None,
        layers_to_transform=None,
        layers_pattern=None,
        rank_pattern={name.removeprefix(prefix): r for name, r in config.rank_pattern.items()},
        alpha_pattern={name.removeprefix(prefix): a for name, a in config.alpha_pattern.items()},
        init_lora_weights=True,
    )
    digest = hashlib.sha256((path / ADAPTER_CONFIG).read_bytes() + raw).hexdigest()
    left_out = tuple(sorted(placed.left_out))
    return FoundAdapter(path, plain, placed.tensors, placed.whole, placed.head, left_out, digest)


def put_on(backbone: nn.Module, found: FoundAdapter, *, key: str) -> Any:
    """Return the backbone with the adapter as it was left, which trains; its layers are changed in place.

    Raises:
        ModelError: It does not fit, or weights trained whole beside it.
    """
    if found.whole:
        name = next(iter(found.whole))
        raise ModelError(
            f"{found.directory}: {name} trained whole beside the adapter ({key}), which an adapter here does not; "
            "give it as model.adapter, which merges both, with a new adapter"
        )
    return _wrapped(backbone, found, key)


def merge_found(backbone: nn.Module, found: FoundAdapter, *, key: str) -> None:
    """Add the adapter, and the weights that trained beside it, into the base model's own weights.

    Raises:
        ModelError: It does not fit.
    """
    try:
        _wrapped(backbone, found, key).merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ModelError(f"{found.directory}: the adapter cannot be merged ({_line(error)}; {key})") from error
    parameters = dict(backbone.named_parameters())
    with torch.no_grad():
        for name, tensor in found.whole.items():
            parameters[name].copy_(tensor)


def _wrapped(backbone: nn.Module, found: FoundAdapter, key: str) -> Any:
    from peft import get_peft_model, set_peft_model_state_dict

    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers under a name of before
            wrapped = get_peft_model(backbone, found.config)
        told = set_peft_model_state_dict(wrapped, {f"{_ROOT}{name}": t for name, t in found.tensors.items()})
        if unfit := told.unexpected_keys:
            raise ValueError(f"no place for {unfit[0]}")
        if lacking := [name for name in told.missing_keys if ".lora_" in name]:
            raise ValueError(f"it lacks {lacking[0]}")
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(
            f"{found.directory}: the adapter does not fit model.source ({_line(error)}; {key}); it was made for "
            f"{found.config.base_model_name_or_path or 'an unnamed base'}"
        ) from error
    fuse_lora(wrapped)
    return wrapped


class _Placed:
    """Sorts saved tensors by where they belong."""

    def __init__(self, directory: Path, backbone: Any, key: str) -> None:
        self.directory = directory
        self.key = key
        self.prefix = f"{backbone.base_model_prefix}."
        self.modules = {name for name, _ in backbone.named_modules()}
        self.shapes = {name: parameter.shape for name, parameter in backbone.named_parameters()}
        self.tensors: dict[str, Tensor] = {}
        self.whole: dict[str, Tensor] = {}
        self.head: Tensor | None = None
        self.left_out: set[str] = set()

    def put(self, name: str, tensor: Tensor) -> None:
        inside = next((n for n in (name.removeprefix(self.prefix), name) if _module(n) in self.modules), None)
        first = name.partition(".")[0]
        if first in _HEADS:
            self._put_head(name, tensor)
        elif inside is None:
            self.left_out.add(_module(name))
        elif ".lora_" in inside:
            self.tensors[inside] = tensor
        elif self.shapes.get(inside) == tensor.shape:
            self.whole[inside] = tensor
        else:
            self._refuse(f"{inside} has shape {tuple(tensor.shape)}, not the base's", "give model.source its base")

    def _put_head(self, name: str, tensor: Tensor) -> None:
        if ".lora_" in name:
            self._refuse(
                "its head was adapted too, on a random one that no file holds",
                'train it again with modules_to_save=["score"]',
            )
        if name.endswith(".weight") and tensor.ndim == 2 and len(tensor) == 1:
            self.head = tensor
        else:
            self.left_out.add(name)

    def _refuse(self, reason: str, remedy: str) -> None:
        raise ModelError(f"{self.directory}: {reason} ({self.key}); {remedy}")


def _module(name: str) -> str:
    """Return the module that a saved tensor belongs to."""
    return name.partition(".lora_")[0] if ".lora_" in name else name.rpartition(".")[0]


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
