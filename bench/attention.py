"""Why packed batches have an attention of their own on the CPU: PyTorch's fused kernel against dense products.

One causal sequence of T tokens, the heads of SmolLM2 (9 query, 3 key heads of 64): forward and backward, milliseconds.

    python bench/attention.py
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from rmx.data.forest import prefix_forest
from rmx.model.tree_attention.blocks import plan_blocks
from rmx.model.tree_attention.operator import tree_attention
from rmx.model.tree_attention.rule import ScoreRule
from side_by_side import machine, median

RULE = ScoreRule(0.125, None, None)


def milliseconds(attention: Callable[..., torch.Tensor], inputs: list[torch.Tensor]) -> tuple[float, float]:
    """Return the median times of forward and backward."""
    forward, backward = [], []
    for _ in range(30):
        start = time.perf_counter()
        out = attention(*inputs)
        middle = time.perf_counter()
        torch.autograd.grad(out, inputs, torch.ones_like(out))
        forward.append((middle - start) * 1e3)
        backward.append((time.perf_counter() - middle) * 1e3)
    return median(forward[5:]), median(backward[5:])


def main() -> None:
    """Measure and print."""
    print(machine())
    for total in (128, 256, 512):
        plan = plan_blocks(prefix_forest([np.arange(total, dtype=np.int32)]))
        for dtype in (torch.bfloat16, torch.float32):
            q, k, v = (torch.randn(h, total, 64).to(dtype).requires_grad_() for h in (9, 3, 3))
            fused = milliseconds(_fused, [q, k, v])
            dense = milliseconds(functools.partial(tree_attention, plan=plan, rule=RULE), [q, k, v])
            sums = ", ".join(f"{name} {f:.2f} + {b:.2f}" for name, (f, b) in (("fused", fused), ("dense", dense)))
            print(f"{total} tokens, {str(dtype).removeprefix('torch.')}: {sums}")


def _fused(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return scaled_dot_product_attention(query[None], key[None], value[None], is_causal=True, enable_gqa=True)


if __name__ == "__main__":
    main()
