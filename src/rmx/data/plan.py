"""Which pairs form which optimiser step: a pure function of configuration.

The global batch is chosen first and knows nothing of devices, budgets or layouts (docs/adr/003-global-batch.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from rmx.config.schema import BatchConfig

__all__ = ["StepPlan", "global_batches"]

Members = NDArray[np.int64]


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
