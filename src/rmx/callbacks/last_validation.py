"""Validates after the last optimiser step too, so that the weights it made can be chosen."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

__all__ = ["LastValidation"]


class LastValidation(pl.Callback):
    """Makes the last step a validation step, wherever the rhythm of `trainer.val_every` ends."""

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, idx: int) -> None:
        """Set the interval, which Lightning reads after the step, to one that ends there."""
        if trainer.global_step == trainer.max_steps - 1:
            trainer.val_check_batch = trainer.max_steps
