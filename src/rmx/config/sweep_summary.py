"""What became of the jobs of a multirun: read back from their directories, written as a table beside them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FINISHED", "SweepJob", "read_metric", "read_verdict", "write_summary"]

FINISHED = {0: "done", 3: "FAIL", 4: "INCONCLUSIVE"}
"""Exit statuses of jobs that ran to their end; 3 and 4 are verdicts, not failures."""

_LOG_WIDTH = 160


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


def read_verdict(directory: Path) -> str | None:
    """Return the verdict of the run's gate.json, or None where it has none."""
    try:
        return str(json.loads((directory / "gate.json").read_text(encoding="utf-8"))["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_summary(jobs: Sequence[SweepJob], directory: Path) -> None:
    """Write sweep.csv and sweep.md into the sweep's directory and print the same table."""
    header, rows = _table(jobs, directory)
    with (directory / "sweep.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    lines = [header, ["---"] * len(header), *rows]
    text = "".join(f"| {' | '.join(_cell(value).replace('|', chr(92) + '|') for value in line)} |\n" for line in lines)
    (directory / "sweep.md").write_text(f"# Sweep {directory.name}\n\n{text}", encoding="utf-8")
    _print(header, rows, title=str(directory))


def _table(jobs: Sequence[SweepJob], directory: Path) -> tuple[list[str], list[list[Any]]]:
    keys = list(dict.fromkeys(key for job in jobs for key in job.overrides))
    varied = [key for key in keys if len({job.overrides.get(key) for job in jobs}) > 1]
    header = ["job", *varied, "status", "verdict", "metric", "last", "best", "seconds", "directory", "error"]
    rows = [
        [
            job.number,
            *(job.overrides.get(key) for key in varied),
            FINISHED.get(job.exit_status, f"failed ({job.exit_status})"),
            job.verdict,
            job.metric,
            job.last,
            job.best,
            round(job.seconds, 1),
            job.directory.relative_to(directory) if job.directory.is_relative_to(directory) else job.directory,
            job.error,
        ]
        for job in jobs
    ]
    return header, rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print(header: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str) -> None:
    from rich.console import Console  # only a sweep needs it
    from rich.markup import escape
    from rich.table import Table

    named = header.index("metric")
    place = header.index("directory")
    hidden = {named} if any(str(row[0]) != str(row[place]) for row in rows) else {named, place}
    used = [i for i in range(len(header)) if i not in hidden and any(_cell(row[i]) for row in rows)]
    table = Table(title=escape(title), caption=escape(f"last, best: {rows[0][named]}"))
    for i in used:
        table.add_column(escape(header[i]), overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(row[i])) for i in used))
    console = Console()
    # A log has no width of its own; folding would only hide columns.
    (console if console.is_terminal else Console(width=_LOG_WIDTH)).print(table)
