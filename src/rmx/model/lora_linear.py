"""A LoRA layer in as few passes over memory as its formula allows.

peft's own forward of y = x Wᵀ + s (x Aᵀ) Bᵀ scales and adds in passes over (tokens, width) tensors of their own, and so
does its backward; under autocast the frozen W is cast anew at every call. Here the thin products accumulate into the
large one, and the low-precision copy of W is kept (docs/throughput.md has what that is worth).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn

__all__ = ["FusedLoraLinear", "fuse_lora", "kept_copies"]


class _LoraProduct(torch.autograd.Function):
    """y = x Wᵀ + b + s (x Aᵀ) Bᵀ, with gradients for x, A and B."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        rows = x.flatten(0, -2)
        thin = rows @ a.T
        out = nn.functional.linear(rows, weight, bias).addmm_(thin, b.T, alpha=scale)
        ctx.save_for_backward(rows, thin, weight, a, b)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, thin, weight, a, b = ctx.saved_tensors
        upstream = grad.flatten(0, -2)
        narrow = (upstream @ b).mul_(ctx.scale)
        dx = da = db = None
        if ctx.needs_input_grad[0]:
            dx = (upstream @ weight).addmm_(narrow, a).view(*grad.shape[:-1], weight.shape[-1])
        if ctx.needs_input_grad[3]:
            da = narrow.T @ rows
        if ctx.needs_input_grad[4]:
            db = (upstream.T @ thin).mul_(ctx.scale)
        return dx, None, None, da, db, None


class FusedLoraLinear(Linear):  # type: ignore[misc]
    """peft's LoRA layer with one active adapter on a frozen linear layer; anything else runs as peft runs it."""

    keeps_copies = True
    """Whether low-precision copies of frozen weights outlive a call."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return (…, out) of inputs (…, in)."""
        if torch.compiler.is_compiling():
            # The compiler fuses the passes itself, and knows no copy that outlives a call.
            compiled: Tensor = super().forward(x, *args, **kwargs)
            return compiled
        base = self.get_base_layer()
        kind = x.device.type
        mixed = torch.is_autocast_enabled(kind)
        name = self.active_adapters[0] if len(self.active_adapters) == 1 else ""
        if (
            name not in self.lora_A
            or self.disable_adapters
            or self.merged
            or any(p.requires_grad for p in base.parameters())
            # Outside autocast peft computes the thin products in the adapter's own precision.
            or not (mixed or self.lora_A[name].weight.dtype == base.weight.dtype)
            or args
            or kwargs
        ):
            result: Tensor = super().forward(x, *args, **kwargs)
            return result
        dtype = torch.get_autocast_dtype(kind) if mixed else base.weight.dtype
        a, b = self.lora_A[name].weight, self.lora_B[name].weight
        bias = None if base.bias is None else base.bias.to(dtype)
        with torch.autocast(kind, enabled=False):
            # The casts of what trains stay on the graph.
            y: Tensor = _LoraProduct.apply(  # type: ignore[no-untyped-call]
                x.to(dtype), self._frozen(base.weight, dtype), bias, a.to(dtype), b.to(dtype), self.scaling[name]
            )
        return y

    def merge(self, *args: Any, **kwargs: Any) -> None:
        """Merge as peft does, which writes the weight behind autograd's back."""
        self.__dict__.pop("_kept", None)
        super().merge(*args, **kwargs)

    def unmerge(self) -> None:
        """Unmerge as peft does."""
        self.__dict__.pop("_kept", None)
        super().unmerge()

    def _frozen(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the frozen weight in a dtype; a copy is kept until the weight changes, where `keeps_copies`."""
        if weight.dtype == dtype:
            return weight.detach()
        if not self.keeps_copies:
            return weight.detach().to(dtype)
        state = (weight.data_ptr(), weight._version, dtype)
        kept: tuple[Any, Tensor] | None = self.__dict__.get("_kept")
        if kept is None or kept[0] != state:
            # Lightning validates in inference mode: a copy made there could not be trained with.
            with torch.inference_mode(False), torch.no_grad():
                kept = (state, weight.detach().to(dtype))
            self.__dict__["_kept"] = kept
        return kept[1]


def kept_copies(backbone: nn.Module) -> Iterator[Tensor]:
    """Yield the low-precision copies of frozen weights that layers hold now."""
    for module in backbone.modules():
        if isinstance(module, FusedLoraLinear) and "_kept" in module.__dict__:
            yield module.__dict__["_kept"][1]


def fuse_lora(backbone: nn.Module) -> None:
    """Let every plain LoRA layer without dropout and variant run fused; its parameters and names stay as they are."""
    for module in backbone.modules():
        if type(module) is Linear and _plain(module):
            module.__class__ = FusedLoraLinear


def _plain(layer: Any) -> bool:
    simple = type(layer.get_base_layer()) is nn.Linear and not layer.fan_in_fan_out and not layer.lora_variant
    dropless = all(isinstance(part, nn.Identity) for part in layer.lora_dropout.values())
    return simple and dropless and not any(getattr(part, "bias", None) is not None for part in layer.lora_B.values())
