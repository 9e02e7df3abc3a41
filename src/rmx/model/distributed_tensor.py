"""Tensors of which every process holds a part, and the same tensors whole."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

__all__ = ["gathered", "part_like", "whole"]


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor with all its parts; every process must call it. One that is not distributed is returned as is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def part_like(tensor: Tensor, other: Tensor) -> Tensor:
    """Return this process's part of a whole tensor, distributed as `other` is; as it is where `other` is not."""
    if not isinstance(other, DTensor):
        return tensor
    # Every process has the whole: nothing has to be sent.
    return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements, src_data_rank=None)


def gathered(value: Any, *, keep: bool) -> Any:
    """Return nested dicts, lists and tuples with whole tensors on the CPU for distributed ones.

    One tensor at a time, so that a device never holds more than its parts and one whole; every process must call it.

    Args:
        value: What holds the tensors; equally nested in every process.
        keep: Whether this process wants them; without, their places are None.
    """
    match value:
        case DTensor():
            full = value.full_tensor()
            return full.cpu() if keep else None
        case dict():
            return {key: gathered(item, keep=keep) for key, item in value.items()}
        case list() | tuple():
            return type(value)(gathered(item, keep=keep) for item in value)
        case _:
            return value
