"""What became of the jobs of a sweep, as a table beside them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmx.search.jobs import FINISHED, SweepJob

__all__ = ["write_summary"]

_LOG_WIDTH = 160


def write_summary(jobs: Sequence[SweepJob], directory: Path, conclusion: str = "") -> None:
    """Write sweep.csv and sweep.md into the sweep's directory and print the same table, and a conclusion below it."""
    header, rows = _table(jobs, directory)
    with (directory / "sweep.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    lines = [header, ["---"] * len(header), *rows]
    text = "".join(f"| {' | '.join(_cell(value).replace('|', chr(92) + '|') for value in line)} |\n" for line in lines)
    below = "".join(f"\n{line}\n" for line in conclusion.splitlines())
    (directory / "sweep.md").write_text(f"# Sweep {directory.name}\n\n{text}{below}", encoding="utf-8")
    _print(header, rows, title=str(directory))
    if conclusion:
        print(conclusion, flush=True)


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
