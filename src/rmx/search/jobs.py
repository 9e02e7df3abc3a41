"""One run of a sweep as a process of its own, and what became of it, read back from its directory."""

from __future__ import annotations

import csv
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmx.child_process import run_child
from rmx.errors import RunError

__all__ = ["FINISHED", "SweepJob", "columns", "raise_failures", "read_back", "read_metric", "read_verdict", "run_job"]

FINISHED = {0: "done", 3: "FAIL", 4: "INCONCLUSIVE"}
"""Exit statuses of jobs that ran to their end; 3 and 4 are verdicts, not failures."""


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep; `last` and `best` are of `metric`, None where the run left no such column."""

    number: int
    overrides: Mapping[str, str]
    directory: Path
    exit_status: int
    seconds: float
    metric: str
    last: float | None
    best: float | None
    verdict: str | None
    error: str = ""
    """The last line that a failed job wrote to its standard error."""

    @property
    def failed(self) -> bool:
        """Whether the job did not run to its end."""
        return self.exit_status not in FINISHED

    @property
    def label(self) -> str:
        """The job as messages name it."""
        return " ".join(f"{key}={value}" for key, value in self.overrides.items()) or "no overrides"


def run_job(
    number: int,
    command: Sequence[str],
    overrides: Mapping[str, str],
    directory: Path,
    *,
    run_id: str,
    metric: str,
    mode: str,
) -> SweepJob:
    """Run a job to its end in a fresh process and read back what it left.

    Args:
        number: Its place in the sweep.
        command: The whole command line but for the run directory, which is added.
        overrides: What the table and messages show of it.
        directory: Its run directory.
        run_id: Its own id, or every job of the sweep would claim the sweep's.
        metric: Column of metrics.csv to read back.
        mode: `max` or `min`: which is better.

    Raises:
        KeyboardInterrupt: This process was asked to end; the job was, too, and has ended.
    """
    environment = {**os.environ, "RMX_RUN_ID": run_id}
    clock = time.perf_counter()
    status, error = run_child([*command, f"hydra.run.dir={directory}"], environment)
    seconds = time.perf_counter() - clock
    return read_back(number, overrides, directory, status, seconds, error if status else "", metric=metric, mode=mode)


def read_back(
    number: int,
    overrides: Mapping[str, str],
    directory: Path,
    exit_status: int,
    seconds: float,
    error: str,
    *,
    metric: str,
    mode: str,
) -> SweepJob:
    """Return a job that has ended, with its metric and verdict from its directory."""
    last, best = read_metric(directory, metric, mode)
    verdict = read_verdict(directory)
    return SweepJob(number, overrides, directory, exit_status, seconds, metric, last, best, verdict, error)


def read_metric(directory: Path, metric: str, mode: str) -> tuple[float | None, float | None]:
    """Return the last and the best (`mode` max or min) value of a column of metrics.csv; NaN counts as none."""
    try:
        with (directory / "metrics.csv").open(newline="", encoding="utf-8") as file:
            written = [float(row[metric]) for row in csv.DictReader(file) if row.get(metric)]
    except (OSError, ValueError):
        return None, None
    values = [value for value in written if not math.isnan(value)]
    if not values:
        return None, None
    return values[-1], (max if mode == "max" else min)(values)


def columns(directory: Path) -> list[str]:
    """Return what the run's metrics.csv has columns of; none where there is no such file."""
    try:
        with (directory / "metrics.csv").open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except OSError:
        return []


def read_verdict(directory: Path) -> str | None:
    """Return the verdict of the run's gate.json, or None where it has none."""
    try:
        return str(json.loads((directory / "gate.json").read_text(encoding="utf-8"))["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def raise_failures(jobs: Sequence[SweepJob]) -> None:
    """Name the jobs that failed, once the others have finished.

    Raises:
        RunError: There are some.
    """
    failed = [job for job in jobs if job.failed]
    if failed:
        named = "; ".join(f"job {job.number} ({job.label}) exit {job.exit_status}: {job.error}" for job in failed)
        raise RunError(f"{len(failed)} of {len(jobs)} jobs failed, the others finished: {named}")
