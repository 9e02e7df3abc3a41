"""Activations kept on the host between forward and backward."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.lora_linear import kept_copies

__all__ = ["Offloaded"]

_SMALLEST = 1 << 16
"""Bytes below which a tensor is left where it is: its journey would take longer than it is worth."""

_Saved = Tensor | tuple[torch.device, Tensor]


class Offloaded:
    """Wraps a layout: what its forward saves for the backward waits on the host, weights apart.

    As torch.autograd.graph.save_on_cpu does it, which would move the weights too. Values and gradients stay the same
    bits. With gradient checkpointing only the inputs of the layers are saved, and travel.
    """

    def __init__(
        self, layout: Callable[..., Tensor], *, kinds: Collection[str] = ("cuda",), smallest: int = _SMALLEST
    ) -> None:
        """Wrap a layout.

        Args:
            layout: Runs sequences through a backbone.
            kinds: Types of devices whose tensors are moved.
            smallest: Bytes from which on a tensor is moved.
        """
        self.layout = layout
        self.kinds = frozenset(kinds)
        self.smallest = smallest
        self.moved = 0
        """Bytes that were moved so far."""

    def __call__(self, backbone: nn.Module, batch: SequenceBatch, *rows: Tensor | None) -> Tensor:
        """Return what the wrapped layout does."""
        if not torch.is_grad_enabled():
            return self.layout(backbone, batch, *rows)
        with torch.autograd.graph.saved_tensors_hooks(self._packing(backbone), _unpack):
            return self.layout(backbone, batch, *rows)

    def _packing(self, backbone: nn.Module) -> Callable[[Tensor], _Saved]:
        # A view of a weight, its transpose for one, has storage of the weight.
        constant = itertools.chain(backbone.parameters(), kept_copies(backbone))
        weights = {tensor.untyped_storage().data_ptr() for tensor in constant}

        def pack(tensor: Tensor) -> _Saved:
            device, size = tensor.device, tensor.numel() * tensor.element_size()
            if device.type not in self.kinds or size < self.smallest:
                return tensor
            if tensor.untyped_storage().data_ptr() in weights:
                return tensor
            self.moved += size
            pinned = device.type == "cuda"  # copies from and to other host memory pass through a buffer of their own
            host = torch.empty(tensor.size(), dtype=tensor.dtype, layout=tensor.layout, pin_memory=pinned)
            return device, host.copy_(tensor)

        return pack


def _unpack(saved: _Saved) -> Tensor:
    if isinstance(saved, Tensor):
        return saved
    device, host = saved
    return host.to(device, non_blocking=host.is_pinned())
