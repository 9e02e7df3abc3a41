"""Which pairs form which optimiser step: a pure function of configuration.

The global batch is chosen first and knows nothing of devices, budgets or layouts (docs/adr/003-global-batch.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmx.config.schema import BatchConfig
from rmx.data.shares import Mixing, seeded

__all__ = ["StepPlan", "global_batches"]

Members = NDArray[np.int64]


def global_batches(
    groups: Sequence[str], batch: BatchConfig, *, seed: int, fingerprint: str, epoch: int, mixing: Mixing | None = None
) -> list[Members]:
    """Cut one epoch's random order of its pairs into global batches; the last may be smaller.

    With `batch.group`, whole groups fill a batch while they fit; a group larger than a batch forms one alone. An epoch
    holds every pair, or those that `mixing` says.
    """
    rng = seeded(seed, fingerprint, epoch)
    if mixing is None:
        members = np.arange(len(groups))
    else:
        together = groups if batch.group else None
        members = mixing.members(epoch, groups=together, seed=seed, fingerprint=fingerprint)
    if not batch.group:
        order = members[rng.permutation(len(members))]
        return [order[i : i + batch.pairs] for i in range(0, len(order), batch.pairs)]
    by_group: dict[str, list[int]] = {}
    for i in members.tolist():
        by_group.setdefault(groups[i], []).append(i)
    whole = list(by_group.values())
    batches: list[list[int]] = [[]]
    for g in rng.permutation(len(whole)):
        if batches[-1] and len(batches[-1]) + len(whole[g]) > batch.pairs:
            batches.append([])
        batches[-1].extend(whole[g])
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
    mixing: Mixing | None = None
    """Which pairs an epoch holds; None where it holds all."""

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
        return global_batches(
            self.groups,
            self.batch,
            seed=self.seed,
            fingerprint=self.fingerprint,
            epoch=epoch,
            mixing=self.mixing,
        )
