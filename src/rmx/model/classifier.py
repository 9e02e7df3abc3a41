"""transformers' sequence classifier of an architecture, taken apart: base model, what pools, last layer."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor, nn

from rmx.errors import ModelError
from rmx.model.layouts import Layout, adopt_layout
from rmx.model.layouts.own_pooling import UNPACKED, OwnPooling

__all__ = ["Anatomy", "Reader", "anatomy", "reader", "stored_tensors"]


class Anatomy(NamedTuple):
    """Where a classifier of one label keeps its parts."""

    head: str
    """Name of its last linear layer, which gives the reward."""
    between: tuple[str, ...]
    """Modules with weights that stand between the base model and that layer, or hold it."""
    pools_last: bool
    """It reads the hidden state of the last token, which any layout gives; else it pools for itself."""

    def own(self, name: str) -> bool:
        """Whether a weight belongs to no base model."""
        return any(name.startswith(f"{part}.") for part in (self.head, *self.between))


@dataclass(frozen=True, slots=True)
class Reader:
    """How what the scalar head reads is made from a base model."""

    between: nn.ModuleDict | None
    """What a classifier that pools for itself has between base model and head; float32, runs within `layout`."""
    layout: Layout
    unpacked: str
    """Why sequences are padded although the packed layout was asked for; else empty."""


def anatomy(config: Any) -> Anatomy:
    """Return the anatomy of the sequence classifier that transformers has of an architecture.

    Raises:
        ModelError: It has none, or one that could not be trained and exported as a reward model.
    """
    from transformers import AutoModelForSequenceClassification

    config = copy.deepcopy(config)
    config.num_labels = 1
    try:
        with torch.device("meta"):
            network = AutoModelForSequenceClassification.from_config(config)
    except ValueError as error:
        raise ModelError(
            f"{config.model_type}: transformers has no sequence classifier of this architecture"
        ) from error
    base = network.base_model
    others = {n: child for n, child in network.named_children() if child is not base and list(child.parameters())}
    score = others.get("score")
    if len(others) == 1 and isinstance(score, nn.Linear) and score.bias is None:
        return Anatomy("score", (), pools_last=True)
    last = [
        f"{name}.{inner}".removesuffix(".")
        for name, child in others.items()
        for inner, module in child.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == 1
    ]
    causal = any(getattr(module, "is_causal", False) for module in base.modules())
    if len(last) != 1 or causal or config.is_encoder_decoder:
        raise ModelError(
            f"{config.model_type}: its sequence classifier is neither a linear head over the last token nor an "
            "encoder's with one last layer, so it could not be exported; choose a decoder or an encoder"
        )
    return Anatomy(last[0], tuple(name for name in others if name != last[0]), pools_last=False)


def reader(network: Any, parts: Anatomy, layout: str, *, directory: Path) -> Reader:
    """Take the last layer off a classifier; its base model is left ready for the layout.

    Args:
        network: transformers' sequence classifier of one label.
        parts: Its anatomy.
        layout: `packed`, or `padded`.
        directory: Where its weights are stored.

    Raises:
        ConfigError: There is no layout of that name.
        ModelError: Its rewards would depend on padding on the right.
    """
    if parts.pools_last:
        chosen, unpacked = adopt_layout(network.base_model, layout)
        return Reader(None, chosen, unpacked)
    network.set_submodule(parts.head, nn.Identity())
    between = nn.ModuleDict({name: network.get_submodule(name) for name in parts.between})
    for module in between.values():
        # In float32, as the head: it trains whole, and beside a low-precision backbone it costs nothing.
        module.float().register_forward_pre_hook(_in_float32)
    parameters = dict(between.named_parameters())
    with torch.no_grad():
        for name, tensor in stored_tensors(directory, parameters).items():
            parameters[name].copy_(tensor)
    return Reader(between, OwnPooling(network), UNPACKED if layout == "packed" else "")


def _in_float32(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x.float() if isinstance(x, Tensor) else x for x in inputs)


def stored_tensors(directory: Path, names: Iterable[str]) -> Mapping[str, Tensor]:
    """Return those of the named tensors that a directory's safetensors files hold, in the dtype of the file.

    transformers casts all it loads to the dtype of the backbone.
    """
    wanted, found = set(names), dict[str, Tensor]()
    for file in sorted(directory.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            found |= {name: tensors.get_tensor(name) for name in wanted & set(tensors.keys())}
    return found
