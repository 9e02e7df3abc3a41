"""Prefix forests: what several sequences begin with in common is laid out, and runs, once.

Sequences sorted by their tokens stand beside those they share most with: laid out in that order, each adds what it does
not share with the one before, and the result is a depth-first walk through the trees of their prefixes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rmx.data.batch import PrefixForest

__all__ = ["prefix_forest", "prefix_order", "shared_prefixes"]

Tokens = NDArray[np.int32]


def prefix_forest(sequences: Sequence[Tokens]) -> PrefixForest:
    """Lay out n sequences, none of them empty."""
    order = prefix_order(sequences)
    shared = shared_prefixes([sequences[i] for i in order])
    lengths = np.array([len(sequences[i]) for i in order], np.int64)
    stops = np.cumsum(lengths - shared)
    total = int(stops[-1])
    end = np.full(total, total, np.int64)
    # Where the tokens of the current sequence stand, by depth.
    path = np.empty(int(lengths.max()), np.int64)
    before = start = 0
    places: dict[int, NDArray[np.int64]] = {}
    for i, skip, length, stop in zip(order.tolist(), shared.tolist(), lengths.tolist(), stops.tolist(), strict=True):
        end[path[skip:before]] = start
        path[skip:length] = np.arange(start, stop)
        places[i] = path[:length].copy()
        before, start = length, stop
    last = np.empty(len(sequences), np.int64)
    last[order] = stops - 1
    place = np.concatenate([places[i] for i in range(len(sequences))])
    ids = np.concatenate([sequences[i][s:] for i, s in zip(order, shared, strict=True)]).astype(np.int64)
    depth = np.concatenate([np.arange(s, n) for s, n in zip(shared, lengths, strict=True)])
    return PrefixForest(*(torch.from_numpy(array) for array in (ids, depth, end, last, place)))


def prefix_order(sequences: Sequence[Tokens]) -> NDArray[np.int64]:
    """Return the numbers of the sequences sorted by their tokens, a prefix before what continues it."""
    # Big-endian bytes compare as the tokens do.
    keys = [tokens.astype(">u4").tobytes() for tokens in sequences]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)


def shared_prefixes(ordered: Sequence[Tokens]) -> NDArray[np.int64]:
    """Return (n,): how many tokens each sequence begins with in common with the one before; 0 for the first."""
    shared = np.zeros(len(ordered), np.int64)
    for i in range(1, len(ordered)):
        a, b = ordered[i - 1], ordered[i]
        n = min(len(a), len(b))
        differs = a[:n] != b[:n]
        first = int(differs.argmax())
        shared[i] = first if differs[first] else n
    return shared
