"""SIGTERM and Ctrl-C finish the step in hand, save a checkpoint and stop; a second signal stops at once."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl

__all__ = ["Interruption"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption(pl.Callback):
    """Turns the first signal into a checkpoint at the next step boundary."""

    def __init__(self, checkpoint: Path) -> None:
        """Save to `checkpoint`, where `trainer.resume=auto` looks."""
        self.checkpoint = checkpoint
        self.signal: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take over the signals while training runs."""
        if stage == "fit":
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take SIGTERM back from Lightning, whose own handler ends the process with status 0 and nothing saved.

        With several processes it also waits, inside the handler, for all of them to have been signalled.
        """
        for number in self._before:
            signal.signal(number, self._on_signal)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop if any rank was signalled."""
        if trainer.strategy.reduce_boolean_decision(self.signal is not None, all=False):
            trainer.save_checkpoint(self.checkpoint)
            trainer.should_stop = True
            self.signal = self.signal or signal.SIGTERM

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = signal.Signals(number)
