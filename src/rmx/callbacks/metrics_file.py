"""The training curve as metrics.csv: append-only, cut back to the resumed step, never deleted on a restart."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers.logger import Logger

__all__ = ["MetricsFile", "read_metrics"]


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Return the rows of a metrics.csv, absent values left out."""
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v not in ("", None)} for row in csv.DictReader(file)]


class MetricsFile(Logger):
    """A Lightning logger that writes one row per step; a new column rewrites the header once."""

    def __init__(self, path: Path, *, resume_step: int) -> None:
        """Open the file; rows after `resume_step` belong to a run that did not last, and are cut."""
        super().__init__()
        self.path = path
        self._columns: list[str] = ["step"]
        self._pending: dict[str, float] = {}
        self._written: dict[str, float] = {}
        """The last row of the file, as far as this process wrote it."""
        if _is_rank_zero() and path.exists():
            kept = [row for row in read_metrics(path) if row["step"] <= resume_step]
            self._columns = list(dict.fromkeys(["step", *(k for row in kept for k in row)]))
            self._rewrite(kept)

    @property
    def name(self) -> str:
        """Lightning's name of this logger."""
        return "metrics"

    @property
    def version(self) -> str:
        """Lightning's version of this logger; the run directory already is one."""
        return ""

    @property
    def save_dir(self) -> str:
        """The run directory."""
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the row of `step`; the row is written when the next step begins or on `save`."""
        at = float(step or 0)
        if self._pending and self._pending["step"] != at:
            self.save()
        self._pending |= {"step": at} | {k: float(v) for k, v in metrics.items() if k != "epoch"}

    @rank_zero_only
    def save(self) -> None:
        """Write the pending row."""
        if len(self._pending) < 2:
            return
        row, self._pending = self._pending, {}
        if row["step"] == self._written.get("step"):
            # Saved with a checkpoint, then validated: still one row.
            before = read_metrics(self.path)[:-1]
            row = self._written | row
            self._columns = list(dict.fromkeys([*self._columns, *row]))
            self._rewrite(before)
        self._written = row
        new = [k for k in row if k not in self._columns]
        if new or not self.path.exists():
            before = read_metrics(self.path) if self.path.exists() else []
            self._columns += new
            self._rewrite(before)
        with self.path.open("a", newline="") as file:
            self._writer(file).writerow(_printable(row))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is pending."""
        self.save()

    def _rewrite(self, rows: list[dict[str, float]]) -> None:
        scratch = self.path.with_suffix(".tmp")
        with scratch.open("w", newline="") as file:
            writer = self._writer(file)
            writer.writeheader()
            writer.writerows(_printable(row) for row in rows)
        scratch.replace(self.path)

    def _writer(self, file: Any) -> csv.DictWriter[str]:
        return csv.DictWriter(file, self._columns, restval="")


def _is_rank_zero() -> bool:
    return getattr(rank_zero_only, "rank", 0) == 0


def _printable(row: Mapping[str, float]) -> dict[str, Any]:
    whole = {k: int(v) if k == "step" else v for k, v in row.items()}
    return {k: repr(v) if isinstance(v, float) and math.isfinite(v) else v for k, v in whole.items()}
