"""Wiring of training steps and scoring passes to Lightning's loaders: one training item is one optimiser step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from rmx.config.schema import BatchConfig
from rmx.data.batch import ScoreBatch, StepBatch
from rmx.data.plan import StepPlan
from rmx.data.sequences import PairSet, Sequences, micro_batch, sequence_batch
from rmx.data.shards import Shard, pair_shards, sequence_shards

__all__ = ["PreferenceData", "scoring_loader"]


class _Steps(Dataset[StepBatch]):
    """The optimiser steps of a run as one rank sees them, built when asked for."""

    def __init__(self, pairs: PairSet, plan: StepPlan, *, start: int, rank: int, world_size: int) -> None:
        self.pairs = pairs
        self.batch = plan.batch
        self.rank = rank
        self.world_size = world_size
        self.members = dict(plan.steps(start))
        self.total = plan.total_steps

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, step: int) -> StepBatch:
        members = self.members[step]
        mine = pair_shards(self.pairs, members, self.batch, world_size=self.world_size)[self.rank]
        return StepBatch(
            step=step,
            micro=tuple(micro_batch(self.pairs, s.members, weightless=s.filler) for s in mine),
            global_weight=float(self.pairs.weight[members].sum(dtype=np.float64)),
            pair_ids=tuple(self.pairs.pair_ids[i] for i in members),
        )


class _FromStep(Sampler[int]):
    """Steps from `start` on; its length is the whole run's, because Lightning compares the two."""

    def __init__(self, start: int, total: int) -> None:
        self.start = start
        self.total = total

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.total))

    def __len__(self) -> int:
        return self.total


class _ScoreBatches(Dataset[ScoreBatch]):
    def __init__(self, store: Sequences, mine: list[Shard]) -> None:
        self.store = store
        self.mine = mine

    def __len__(self) -> int:
        return len(self.mine)

    def __getitem__(self, k: int) -> ScoreBatch:
        return ScoreBatch(sequence_batch(self.store, self.mine[k].members))


def scoring_loader(
    store: Sequences, batch: BatchConfig, *, rank: int = 0, world_size: int = 1
) -> DataLoader[ScoreBatch]:
    """Return this rank's share of scoring every sequence of the store once."""
    mine = sequence_shards(store, batch, world_size=world_size)[rank]
    return DataLoader(_ScoreBatches(store, mine), batch_size=None, num_workers=0)


class PreferenceData(pl.LightningDataModule):
    """Training steps, and the slices that every validation scores."""

    def __init__(self, pairs: PairSet, plan: StepPlan, validation: Mapping[str, Sequences]) -> None:
        super().__init__()
        self.pairs = pairs
        self.plan = plan
        self.validation = dict(validation)

    def train_dataloader(self) -> DataLoader[StepBatch]:
        """Return the steps from the trainer's current one to the end of the run."""
        trainer = self._attached()
        start = trainer.global_step
        steps = _Steps(self.pairs, self.plan, start=start, rank=trainer.global_rank, world_size=trainer.world_size)
        return DataLoader(steps, batch_size=None, sampler=_FromStep(start, len(steps)), num_workers=0)

    def val_dataloader(self) -> list[DataLoader[ScoreBatch]]:
        """Return one loader per slice, in the order of `validation`."""
        trainer = self._attached()
        return [
            scoring_loader(store, self.plan.batch, rank=trainer.global_rank, world_size=trainer.world_size)
            for store in self.validation.values()
        ]

    def _attached(self) -> pl.Trainer:
        if self.trainer is None:
            raise RuntimeError("PreferenceData serves loaders only to a trainer")
        return self.trainer
