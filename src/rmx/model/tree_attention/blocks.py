"""Cuts a forest's attention into dense blocks: consecutive queries, and only the keys that one of them sees."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rmx.data.batch import PrefixForest

__all__ = ["BlockPlan", "plan_blocks"]

_ROWS = 128
"""Most queries of a block. Smaller ones compute fewer scores that are masked away, larger ones make fewer calls; on two
cores 96 to 192 were equally fast for preference pairs and for groups of 16 candidates."""


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


def plan_blocks(forest: PrefixForest) -> BlockPlan:
    """Return the blocks of a forest; on the CPU, where they are used."""
    end = forest.end.numpy()
    rows = _cuts(forest.depth.numpy())
    keys = [np.flatnonzero(end[:stop] > start) for start, stop in itertools.pairwise(rows)]
    bounds = np.cumsum([0, *map(len, keys)])
    return BlockPlan(forest.depth, forest.end, *map(torch.from_numpy, (np.asarray(rows), np.concatenate(keys), bounds)))


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
