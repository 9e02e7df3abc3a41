"""What a person sees while training runs: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from rmx.callbacks.curve import TrainingCurve

__all__ = ["TrainingProgress"]


class TrainingProgress(pl.Callback):
    """Shows step, loss, validation accuracy, pairs/s, useful tokens/s and the time left."""

    def __init__(self, curve: TrainingCurve, *, monitor: str, quiet: bool, console: Console | None = None) -> None:
        """Show the latest window of `curve`; `quiet` prints a plain line a window and no bar."""
        self.curve = curve
        self.monitor = monitor
        self.console = console or Console()
        self.quiet = quiet or not self.console.is_terminal
        self._bar: Progress | None = None
        self._task: TaskID = TaskID(0)
        self._started = 0.0
        self._first_step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        self._started, self._first_step = time.monotonic(), trainer.global_step
        if self.quiet or not trainer.is_global_zero:
            return
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._task = self._bar.add_task("", total=trainer.max_steps, completed=trainer.global_step, numbers="")
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show the step."""
        if not trainer.is_global_zero or not self.curve.latest:
            return
        numbers = self._numbers(trainer)
        if self._bar is not None:
            self._bar.update(self._task, completed=trainer.global_step, numbers=numbers)
        elif self.quiet and trainer.global_step % self.curve.every == 0:
            done = trainer.global_step - self._first_step
            left = (time.monotonic() - self._started) / done * (trainer.max_steps - trainer.global_step)
            self.console.print(
                f"step {trainer.global_step}/{trainer.max_steps}  {numbers}  {_clock(left)} left",
                soft_wrap=True,
                highlight=False,
            )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the bar before an error is printed."""
        if self._bar is not None:
            self._bar.stop()

    def _numbers(self, trainer: pl.Trainer) -> str:
        latest = self.curve.latest
        parts = [f"loss {latest['train/loss']:.4f}"]
        if self.monitor in trainer.callback_metrics:
            parts.append(f"{self.monitor.removeprefix('val/')} {float(trainer.callback_metrics[self.monitor]):.3f}")
        parts.append(f"{latest['train/pairs_per_second']:.2f} pairs/s")
        parts.append(f"{latest['train/tokens_per_second']:.0f} tokens/s")
        return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
