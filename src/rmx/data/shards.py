"""How a global batch, or all sequences to score, are cut for the hardware; never which pairs form a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmx.config.schema import BatchConfig
from rmx.data.layout_cost import LAYOUT_COSTS
from rmx.data.sequences import PairSet, Sequences

__all__ = ["Shard", "oversized", "pair_shards", "sequence_shards"]

Members = NDArray[np.int64]
Cost = Callable[[Members], int]

_EVEN_OUT = 16
"""Micro-batches a rank up to which they are made equal; beyond, a small last one wastes less than 1/16 of a step."""


@dataclass(frozen=True)
class Shard:
    """One micro-batch: which pairs (or sequences), and whether it only keeps the ranks in step."""

    members: Members
    filler: bool = False


def pair_shards(pairs: PairSet, members: Members, batch: BatchConfig, *, world_size: int) -> list[list[Shard]]:
    """Cut a global batch into micro-batches within `batch.max_tokens`, the same number for every rank: [rank][k].

    A comparison, and where the loss reads rankings a ranking, never straddles micro-batches; one above the budget runs
    alone. What runs well together (of similar length, or with a prompt in common) goes together, and micro-batches cost
    about the same.
    """
    units = pairs.units(members)
    sequences, side = np.unique(_sequences_of(pairs, members, units), return_inverse=True)
    side = side.reshape(len(units), -1)
    layout = LAYOUT_COSTS[batch.layout]([pairs.store.ids(int(i)) for i in sequences])

    def cost(part: Members) -> int:
        return layout.tokens(np.unique(side[part]))

    order = np.argsort(layout.place[side].min(1), kind="stable")
    ranks = _deal(_fill(order, cost, batch.max_tokens, world_size), cost, world_size)
    return [[Shard(members[_positions(units[s.members])], s.filler) for s in rank] for rank in ranks]


def _sequences_of(pairs: PairSet, members: Members, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sequences (u, k) of each unit, some of them several times."""
    rows = members[np.where(units < 0, units[:, :1], units)]
    return np.stack([pairs.chosen[rows], pairs.rejected[rows]], 2).reshape(len(units), -1)


def _positions(units: NDArray[np.int64]) -> NDArray[np.int64]:
    flat = units.reshape(-1)
    return flat[flat >= 0]


def sequence_shards(store: Sequences, batch: BatchConfig, *, world_size: int = 1) -> list[list[Shard]]:
    """Cut all sequences into batches to score, within `batch.max_tokens`, the same number for every rank: [rank][k]."""
    count = len(store.lengths)
    if not count:
        return [[] for _ in range(world_size)]
    layout = LAYOUT_COSTS[batch.layout]([store.ids(i) for i in range(count)])
    order = np.argsort(layout.place, kind="stable")
    return _deal(_fill(order, layout.tokens, batch.max_tokens, world_size), layout.tokens, world_size)


def oversized(pairs: PairSet, batch: BatchConfig) -> NDArray[np.int64]:
    """Return the tokens (k,) of each comparison, or ranking, above `batch.max_tokens` by itself, and so runs alone."""
    lengths = pairs.store.lengths
    members = np.arange(len(pairs))
    rows = _sequences_of(pairs, members, pairs.units(members))
    # No layout runs more than each sequence at the longest one's length.
    suspects = rows[rows.shape[1] * lengths[rows].max(1) > batch.max_tokens]
    texts = ([pairs.store.ids(int(i)) for i in np.unique(row)] for row in suspects)
    tokens = np.array([LAYOUT_COSTS[batch.layout](t).tokens(np.arange(len(t))) for t in texts], np.int64)
    return tokens[tokens > batch.max_tokens]


def _fill(order: Members, cost: Cost, budget: int, world_size: int) -> list[Members]:
    """Fill as few micro-batches as the budget allows along `order`, of about the same cost where that is possible."""
    parts = []
    start = 0
    while start < len(order):
        stop = _reach(order, start, cost, budget)
        parts.append(order[start:stop])
        start = stop
    rounds = -(-len(parts) // world_size)
    # One is even by itself, and among many a small last one costs little.
    if rounds * world_size == 1 or rounds > _EVEN_OUT:
        return parts
    return _evenly(order, cost, budget, rounds * world_size) or parts


def _evenly(order: Members, cost: Cost, budget: int, count: int) -> list[Members] | None:
    """Cut `order` into `count` parts, each near an equal share of what is left; None where the budget forbids it."""
    parts: list[Members] = []
    start = 0
    for left in range(count, 0, -1):
        if start == len(order):
            break
        share = min(budget, cost(order[start:]) // left)
        stop = _reach(order, start, cost, share)
        below, above = cost(order[start:stop]), cost(order[start : stop + 1])
        if stop < len(order) and above <= budget and above - share < share - below:
            stop += 1
        parts.append(order[start:stop])
        start = stop
    return parts if start == len(order) else None


def _reach(order: Members, start: int, cost: Cost, budget: int) -> int:
    """Return how far from `start` the budget reaches, one at least."""
    stop = start + 1
    # Costs grow with every member: gallop to an upper bound, then bisect, for few evaluations.
    step = 1
    while stop + step <= len(order) and cost(order[start : stop + step]) <= budget:
        stop += step
        step *= 2
    while step:
        if stop + step <= len(order) and cost(order[start : stop + step]) <= budget:
            stop += step
        step //= 2
    return stop


def _deal(parts: list[Members], cost: Cost, world_size: int) -> list[list[Shard]]:
    """Give every rank the same number of micro-batches of similar cost; split large ones, then fill up with fillers."""
    parts = list(parts)
    while len(parts) % world_size:
        largest = max(range(len(parts)), key=lambda i: (len(parts[i]) > 1, cost(parts[i])))
        part = parts[largest]
        if len(part) == 1:
            break
        parts[largest : largest + 1] = [part[: len(part) // 2], part[len(part) // 2 :]]
    smallest = min(parts, key=cost)[:1]
    dealt = [Shard(p) for p in sorted(parts, key=cost, reverse=True)]
    dealt += [Shard(smallest, filler=True)] * (-len(parts) % world_size)
    ranks: list[list[Shard]] = [[] for _ in range(world_size)]
    for i in range(0, len(dealt), world_size):
        # Alternate the direction, so that no rank always gets the larger ones.
        row = dealt[i : i + world_size]
        for rank, shard in enumerate(row if (i // world_size) % 2 == 0 else row[::-1]):
            ranks[rank].append(shard)
    return ranks
