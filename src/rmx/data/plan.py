"""Which pairs form which optimiser step, and how a step is cut for the hardware: pure functions of configuration.

The global batch is chosen first and knows nothing of devices, budgets or layouts (docs/adr/003-global-batch.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from rmx.config.schema import BatchConfig
from rmx.data.sequences import PairSet

__all__ = ["LAYOUT_COST", "Shard", "StepPlan", "global_batches", "score_shards", "shards"]

Members = NDArray[np.int64]


def _padded_cost(lengths: NDArray[np.int64]) -> int:
    return int(lengths.max(initial=0)) * len(lengths)


LAYOUT_COST: dict[str, Callable[[NDArray[np.int64]], int]] = {"padded": _padded_cost}
"""Tokens that a layout runs for distinct sequences of the given lengths."""


def global_batches(
    groups: Sequence[str], batch: BatchConfig, *, seed: int, fingerprint: str, epoch: int
) -> list[Members]:
    """Cut one epoch's random order of the pairs into global batches; the last may be smaller.

    With `batch.group`, whole groups fill a batch while they fit; a group larger than a batch forms one alone.
    """
    key = xxhash.xxh64_intdigest(f"{seed}/{fingerprint}/{epoch}".encode())
    rng = np.random.default_rng(key)
    if not batch.group:
        order = rng.permutation(len(groups))
        return [order[i : i + batch.pairs] for i in range(0, len(order), batch.pairs)]
    by_group: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        by_group.setdefault(group, []).append(i)
    members = list(by_group.values())
    batches: list[list[int]] = [[]]
    for g in rng.permutation(len(members)):
        if batches[-1] and len(batches[-1]) + len(members[g]) > batch.pairs:
            batches.append([])
        batches[-1].extend(members[g])
    return [np.array(b, np.int64) for b in batches]


@dataclass(frozen=True)
class StepPlan:
    """The pairs of every optimiser step: a function of seed, data fingerprint and step, of nothing that ran before."""

    groups: tuple[str, ...]
    batch: BatchConfig
    seed: int
    fingerprint: str
    max_epochs: int
    max_steps: int | None

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run: `max_steps`, or as many as `max_epochs` take."""
        if self.max_steps is not None:
            return self.max_steps
        return sum(len(self._epoch(e)) for e in range(self.max_epochs))

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of the first epoch."""
        return len(self._epoch(0))

    def steps(self, start: int = 0) -> Iterator[tuple[int, Members]]:
        """Yield (step, pairs) from step `start` to the end of the run."""
        step, epoch, total = 0, 0, self.total_steps
        while step < total:
            for members in self._epoch(epoch):
                if step >= total:
                    return
                if step >= start:
                    yield step, members
                step += 1
            epoch += 1

    def _epoch(self, epoch: int) -> list[Members]:
        return global_batches(self.groups, self.batch, seed=self.seed, fingerprint=self.fingerprint, epoch=epoch)


@dataclass(frozen=True)
class Shard:
    """One micro-batch: which pairs (or sequences), and whether it only keeps the ranks in step."""

    members: Members
    filler: bool = False


def shards(pairs: PairSet, members: Members, batch: BatchConfig, *, world_size: int) -> list[list[Shard]]:
    """Cut a global batch into micro-batches within `batch.max_tokens`, the same number for every rank.

    A comparison never straddles micro-batches; one above the budget runs alone. Long pairs go together, so that
    padding is small. Returns [rank][k].
    """
    cost = LAYOUT_COST[batch.layout]
    longest = np.maximum(pairs.store.lengths[pairs.chosen[members]], pairs.store.lengths[pairs.rejected[members]])
    order = members[np.argsort(-longest, kind="stable")]

    def run_cost(part: Members) -> int:
        return cost(pairs.store.lengths[np.unique(np.concatenate([pairs.chosen[part], pairs.rejected[part]]))])

    return _deal(_fill(order, run_cost, batch.max_tokens), run_cost, world_size)


def score_shards(lengths: NDArray[np.int64], batch: BatchConfig, *, world_size: int) -> list[list[Shard]]:
    """Cut all sequences into batches to score, within `batch.max_tokens`, the same number for every rank: [rank][k]."""
    cost = LAYOUT_COST[batch.layout]

    def run_cost(part: Members) -> int:
        return cost(lengths[part])

    order = np.argsort(-lengths, kind="stable")
    return _deal(_fill(order, run_cost, batch.max_tokens), run_cost, world_size)


def _fill(order: Members, run_cost: Callable[[Members], int], budget: int) -> list[Members]:
    """Fill micro-batches greedily along `order` while their cost stays within the budget."""
    parts: list[Members] = []
    start = 0
    while start < len(order):
        stop = start + 1
        # Costs grow with every member: gallop to an upper bound, then bisect, for few evaluations per micro-batch.
        step = 1
        while stop + step <= len(order) and run_cost(order[start : stop + step]) <= budget:
            stop += step
            step *= 2
        while step:
            if stop + step <= len(order) and run_cost(order[start : stop + step]) <= budget:
                stop += step
            step //= 2
        parts.append(order[start:stop])
        start = stop
    return parts


def _deal(parts: list[Members], run_cost: Callable[[Members], int], world_size: int) -> list[list[Shard]]:
    """Give every rank the same number of micro-batches of similar cost; split large ones, then fill up with fillers."""
    parts = list(parts)
    while len(parts) % world_size:
        largest = max(range(len(parts)), key=lambda i: (len(parts[i]) > 1, run_cost(parts[i])))
        part = parts[largest]
        if len(part) == 1:
            break
        parts[largest : largest + 1] = [part[: len(part) // 2], part[len(part) // 2 :]]
    smallest = min(parts, key=run_cost)[:1]
    dealt = [Shard(p) for p in sorted(parts, key=run_cost, reverse=True)]
    dealt += [Shard(smallest, filler=True)] * (-len(parts) % world_size)
    ranks: list[list[Shard]] = [[] for _ in range(world_size)]
    for i in range(0, len(dealt), world_size):
        # Alternate the direction, so that no rank always gets the larger ones.
        row = dealt[i : i + world_size]
        for rank, shard in enumerate(row if (i // world_size) % 2 == 0 else row[::-1]):
            ranks[rank].append(shard)
    return ranks
