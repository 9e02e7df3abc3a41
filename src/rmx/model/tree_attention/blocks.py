"""Cuts a forest's attention into dense blocks: consecutive queries, and only the keys that one of them sees."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rmx.data.batch import PrefixForest

__all__ = ["Block", "BlockPlan", "blocks_of", "plan_blocks"]

_ROWS = 128
"""Most queries of a block. Smaller ones compute fewer scores that are masked away, larger ones make fewer calls; on two
cores 96 to 192 were equally fast for preference pairs and for groups of 16 candidates."""

_KEPT = 1 << 22
"""Most cells of all biases together, 16 MiB, that are made once for all layers and not by each."""


class BlockPlan(NamedTuple):
    """b blocks over T tokens; a tuple of tensors, so that a compiled graph takes it as inputs."""

    depth: Tensor
    """int64 (T,): position of each token on its path."""
    end: Tensor
    """int64 (T,): query q sees key k exactly if k <= q < end[k]."""
    rows: Tensor
    """int64 (b + 1,): block i holds the queries rows[i]:rows[i + 1]."""
    keys: Tensor
    """int64 (k,): the tokens that each block's queries see, ascending, block after block."""
    key_starts: Tensor
    """int64 (b + 1,): where each block's keys begin in `keys`."""
    bias: Tensor
    """float32 (s,): each block's (queries, keys) matrix of 0 where a query sees a key, else -inf; empty where all of
    them together are too large to keep."""


def plan_blocks(forest: PrefixForest) -> BlockPlan:
    """Return the blocks of a forest; on the CPU, where they are used."""
    end = forest.end.numpy()
    rows = _cuts(forest.depth.numpy())
    keys = [np.flatnonzero(end[:stop] > start) for start, stop in itertools.pairwise(rows)]
    bounds = np.cumsum([0, *map(len, keys)])
    plan = BlockPlan(
        depth=forest.depth,
        end=forest.end,
        rows=torch.from_numpy(np.asarray(rows)),
        keys=torch.from_numpy(np.concatenate(keys)),
        key_starts=torch.from_numpy(bounds),
        bias=torch.empty(0),
    )
    cells = sum((stop - start) * len(seen) for (start, stop), seen in zip(itertools.pairwise(rows), keys, strict=True))
    return plan if cells > _KEPT else plan._replace(bias=torch.cat([b.bias.ravel() for b in blocks_of(plan, None)]))


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive queries, the keys they see, and which sees which."""

    start: int
    stop: int
    keys: Tensor | slice
    """The keys' places; a slice where they are consecutive, which saves gathering them."""
    bias: Tensor
    """float32 (queries, keys): 0 where a query sees a key, else -inf."""


def blocks_of(plan: BlockPlan, window: int | None) -> Iterator[Block]:
    """Yield the blocks of a plan; with a sliding window, without the keys that no query reaches."""
    rows, starts = plan.rows.tolist(), plan.key_starts.tolist()
    if window is not None and window > int(plan.depth.max()):
        window = None
    offset = 0
    for i, (start, stop) in enumerate(itertools.pairwise(rows)):
        keys = plan.keys[starts[i] : starts[i + 1]]
        size = (stop - start) * len(keys)
        if window is None and len(plan.bias):
            bias = plan.bias[offset : offset + size].view(stop - start, -1)
        else:
            if window is not None:
                keys = keys[plan.depth[keys] > plan.depth[start:stop].min() - window]
            bias = _bias(plan, start, stop, keys, window)
        offset += size
        first, last = int(keys[0]), int(keys[-1])
        yield Block(start, stop, slice(first, last + 1) if last - first + 1 == len(keys) else keys, bias)


def _bias(plan: BlockPlan, start: int, stop: int, keys: Tensor, window: int | None) -> Tensor:
    queries = torch.arange(start, stop)[:, None]
    hidden = (keys > queries) | (plan.end[keys] <= queries)
    if window is not None:
        hidden |= plan.depth[start:stop, None] - plan.depth[keys] >= window
    return torch.zeros(hidden.shape).masked_fill_(hidden, -torch.inf)


def _cuts(depth: NDArray[np.int64]) -> list[int]:
    """Return block bounds: wherever a new prompt begins, so that no block reads two, and evenly in between."""
    before = depth[:-1] + 1
    branches = np.flatnonzero(depth[1:] != before) + 1
    # A few shared tokens (the template's opening) are not worth a block that spans two prompts.
    trees = branches[depth[branches] < before[branches - 1] / 4]
    bounds = [0, *trees.tolist(), len(depth)]
    cuts = [0]
    for start, stop in itertools.pairwise(bounds):
        pieces = -(-(stop - start) // _ROWS)
        cuts += [start + (stop - start) * (i + 1) // pieces for i in range(pieces)]
    return cuts
