"""Tree attention by dense blocks, forward and backward: plain matrix products in float32, or float64 if asked for.

With bfloat16 inputs PyTorch's fused kernel on a CPU takes up to 2.6 times as long backward, and low-precision products
of this size are slower than float32 ones (bench/RESULTS.md). Probabilities are computed again in the backward, so that
memory grows with the tokens and not with their square.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rmx.model.tree_attention.blocks import Block, BlockPlan, blocks_of
from rmx.model.tree_attention.rule import ScoreRule

__all__ = ["attend", "attend_backward"]


def attend(query: Tensor, key: Tensor, value: Tensor, plan: BlockPlan, rule: ScoreRule) -> Tensor:
    """Return the attention output (T, heads, value width) in the value's dtype.

    Args:
        query: (heads, T, width).
        key: (kv heads, T, width); each serves heads / kv heads query heads.
        value: (kv heads, T, value width).
        plan: Blocks of the forest.
        rule: Scale, window and soft cap.
    """
    heads, total, _ = query.shape
    q, k, v = _grouped(query * rule.scale, len(key)), _wide(key), _wide(value)
    out = value.new_empty((total, heads, value.shape[-1]))
    for block in blocks_of(plan, rule.window):
        p, _ = _probabilities(_rows(q, block), k[:, block.keys], block.bias, rule.softcap)
        o = torch.bmm(p, v[:, block.keys])
        out[block.start : block.stop] = o.view(heads, -1, o.shape[-1]).transpose(0, 1)
    return out


def attend_backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, plan: BlockPlan, rule: ScoreRule
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of query, key and value, each in its dtype, for that of the output (T, heads, width)."""
    q, k, v = _grouped(query * rule.scale, len(key)), _wide(key), _wide(value)
    g = _grouped(grad.transpose(0, 1), len(key))
    dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for block in blocks_of(plan, rule.window):
        queries, keys, values, upstream = _rows(q, block), k[:, block.keys], v[:, block.keys], _rows(g, block)
        p, slope = _probabilities(queries, keys, block.bias, rule.softcap)
        _add(dv, block.keys, torch.bmm(p.mT, upstream))
        ds = torch._softmax_backward_data(torch.bmm(upstream, values.mT), p, -1, p.dtype)
        if slope is not None:
            ds *= slope
        dq[:, :, block.start : block.stop] = torch.bmm(ds, keys).view(*dq.shape[:2], -1, dq.shape[-1])
        _add(dk, block.keys, torch.bmm(ds.mT, queries))
    dq *= rule.scale
    return dq.flatten(0, 1).to(query.dtype), dk.to(key.dtype), dv.to(value.dtype)


def _probabilities(queries: Tensor, keys: Tensor, bias: Tensor, softcap: float | None) -> tuple[Tensor, Tensor | None]:
    """Return probabilities (kv, g * rows, k), and the derivative of the soft cap where there is one."""
    scores = torch.bmm(queries, keys.mT)
    slope = None
    if softcap is not None:
        squashed = torch.tanh(scores / softcap)
        slope = 1 - squashed.square()
        scores = squashed * softcap
    rows, width = bias.shape
    scores.view(len(scores), -1, rows, width).add_(bias)
    return torch.softmax(scores, -1), slope


def _grouped(x: Tensor, kv_heads: int) -> Tensor:
    """Return (kv heads, query heads of each, T, width), as wide as `_wide`."""
    return _wide(x).view(kv_heads, -1, *x.shape[1:])


def _wide(x: Tensor) -> Tensor:
    """Return it in float32, or in float64 if it is that already."""
    return x.to(torch.promote_types(x.dtype, torch.float32)).contiguous()


def _rows(x: Tensor, block: Block) -> Tensor:
    """Return (kv heads, g * rows, width): the heads of one key head side by side, so that its keys are read once."""
    return x[:, :, block.start : block.stop].flatten(1, 2)


def _add(x: Tensor, keys: Tensor | slice, y: Tensor) -> None:
    """Add y (kv heads, k, width) to x at the keys' places."""
    if isinstance(keys, slice):
        x[:, keys] += y
    else:
        x.index_add_(1, keys, y)
