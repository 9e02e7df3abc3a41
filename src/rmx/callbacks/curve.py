"""Turns the sums of each optimiser step into the training curve and its rates."""

from __future__ import annotations

import time
from typing import Any, cast

import pytorch_lightning as pl

from rmx.module import RewardModule
from rmx.step_sums import StepSums

__all__ = ["TrainingCurve"]


class TrainingCurve(pl.Callback):
    """Logs every `every` optimiser steps what the window since the last log saw.

    Rates count the time inside training steps only: validation, audits and saving are excluded, nothing is smoothed.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._window = StepSums()
        self._seconds = 0.0
        self._started = 0.0
        self.latest: dict[str, float] = {}

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, idx: int) -> None:
        """Start the clock of a step."""
        self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the step to the window, and log the window when it is full."""
        self._seconds += time.perf_counter() - self._started
        self._window = self._window + outputs["sums"]
        step = trainer.global_step
        if step % self.every and step != trainer.max_steps:
            return
        total = self._window.over_ranks(trainer.world_size, pl_module.device)
        self.latest = total.metrics() | {
            "train/pairs_per_second": total.pairs / self._seconds,
            "train/tokens_per_second": total.tokens / self._seconds,
            **cast(RewardModule, pl_module).loss.metrics(),
        }
        for logger in trainer.loggers:
            logger.log_metrics(self.latest, step=step)
        self._window, self._seconds = StepSums(), 0.0

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the curve up to the checkpoint's step first, so that a kill after it loses no row."""
        for logger in trainer.loggers:
            logger.save()
