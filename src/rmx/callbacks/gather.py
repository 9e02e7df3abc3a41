"""Gathers validation rewards from every rank, keyed by sequence number, so that no row counts twice or is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray

from rmx.data.batch import ScoreBatch

__all__ = ["GatherRewards"]


class GatherRewards(pl.Callback):
    """After each validation, `rewards[slice]` holds one float64 per sequence of that slice, on every rank."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        """Expect the slices of `sizes` (name to number of sequences) as validation loaders, in that order."""
        self.sizes = dict(sizes)
        self.rewards: dict[str, NDArray[np.float64]] = {}
        self._partial: list[torch.Tensor] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the pass before."""
        self._partial = [
            torch.full((n,), -torch.inf, dtype=torch.float64, device=pl_module.device) for n in self.sizes.values()
        ]

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: ScoreBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Store a batch's rewards under their sequence numbers."""
        self._partial[dataloader_idx][batch.sequences.index] = outputs.double()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Combine the ranks.

        Raises:
            RuntimeError: A sequence was scored by no rank.
        """
        for name, partial in zip(self.sizes, self._partial, strict=True):
            if trainer.world_size > 1:
                torch.distributed.all_reduce(partial, op=torch.distributed.ReduceOp.MAX)
            if not trainer.sanity_checking and bool((partial == -torch.inf).any()):
                raise RuntimeError(f"slice {name}: {int((partial == -torch.inf).sum())} sequences were never scored")
            self.rewards[name] = partial.cpu().numpy()
