"""Tree attention on a GPU: FlexAttention with block masks made of a forest."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from rmx.data.batch import PrefixForest
from rmx.model.tree_attention.rule import ScoreRule

__all__ = ["FlexPlan"]


class FlexPlan:
    """The block masks of one forest: one for all its layers, one more for each width of a sliding window."""

    def __init__(self, forest: PrefixForest, *, compiled: bool = True) -> None:
        """Prepare a forest.

        Args:
            forest: On its device.
            compiled: Whether the kernel is compiled; uncompiled it computes all T x T scores and serves tests.
        """
        self.forest = forest
        self.compiled = compiled
        self._masks: dict[int | None, BlockMask] = {}

    def attend(self, query: Tensor, key: Tensor, value: Tensor, rule: ScoreRule) -> Tensor:
        """Return the attention output (T, heads, value width) of (heads, T, width) tensors."""
        kernel: Any = _compiled() if self.compiled else flex_attention
        kind = query.device.type
        # Lower precision is what autocast means for attention; the kernel wants one dtype.
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else value.dtype
        q, k, v = (x[None].to(dtype) for x in (query, key, value))
        out = kernel(
            q,
            k,
            v,
            score_mod=_cap(rule.softcap),
            block_mask=self._mask(rule.window),
            scale=rule.scale,
            enable_gqa=len(key) != len(query),
        )
        result: Tensor = out[0].transpose(0, 1)
        return result

    def _mask(self, window: int | None) -> BlockMask:
        if window not in self._masks:
            end, depth, total = self.forest.end, self.forest.depth, len(self.forest.ids)

            def sees(_: Tensor, __: Tensor, query: Tensor, key: Tensor) -> Tensor:
                seen = (key <= query) & (query < end[key])
                return seen if window is None else seen & (depth[query] - depth[key] < window)

            self._masks[window] = create_block_mask(sees, None, None, total, total, device=end.device)
        return self._masks[window]


def _cap(softcap: float | None) -> Callable[..., Tensor] | None:
    if softcap is None:
        return None
    return lambda score, *_: softcap * torch.tanh(score / softcap)


@functools.cache
def _compiled() -> Callable[..., Any]:
    kernel: Callable[..., Any] = torch.compile(flex_attention, dynamic=True)
    return kernel
