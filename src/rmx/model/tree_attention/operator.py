"""Tree attention on the CPU as an operator of its own, opaque to torch.compile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rmx.model.tree_attention.blocks import BlockPlan
from rmx.model.tree_attention.dense import attend, attend_backward
from rmx.model.tree_attention.rule import ScoreRule

__all__ = ["tree_attention"]


def tree_attention(query: Tensor, key: Tensor, value: Tensor, plan: BlockPlan, rule: ScoreRule) -> Tensor:
    """Return the attention output (T, heads, value width); arguments as of `attend`."""
    out: Tensor = _forward(query, key, value, list(plan), *rule)
    return out


@torch.library.custom_op("rmx::tree_attention", mutates_args=())
def _forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    plan: Sequence[Tensor],
    scale: float,
    window: int | None,
    softcap: float | None,
) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return attend(query, key, value, BlockPlan(*plan), ScoreRule(scale, window, softcap))


@torch.library.custom_op("rmx::tree_attention_backward", mutates_args=())
def _backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    plan: Sequence[Tensor],
    scale: float,
    window: int | None,
    softcap: float | None,
) -> tuple[Tensor, Tensor, Tensor]:
    with torch.autocast("cpu", enabled=False):
        return attend_backward(grad, query, key, value, BlockPlan(*plan), ScoreRule(scale, window, softcap))


@_forward.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, *_: Any) -> Tensor:
    return value.new_empty((query.shape[1], query.shape[0], value.shape[-1]))


@_backward.register_fake
def _(grad: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (query, key, value))  # type: ignore[return-value]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    query, key, value, plan, *settings = inputs
    ctx.save_for_backward(query, key, value, *plan)
    ctx.settings = settings


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    query, key, value, *plan = ctx.saved_tensors
    gradients = _backward(grad, query, key, value, plan, *ctx.settings)
    return *gradients, [None] * len(plan), *(None for _ in ctx.settings)


_forward.register_autograd(_differentiate, setup_context=_save)
