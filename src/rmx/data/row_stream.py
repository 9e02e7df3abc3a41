"""Rows of a file to lines of another, chunk by chunk: streaming, resumable, whole or not at all under its name."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rmx.domain import Origin
from rmx.errors import DataError
from rmx.whole_file import write_text

__all__ = ["CHUNK", "Line", "Row", "RowSummary", "map_rows", "reason_code", "refusals", "row_id"]

CHUNK = 256
"""Rows between two writes: what a kill can cost."""

Row = tuple[Origin, dict[str, Any]]
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowSummary:
    """What a pass over the rows did."""

    rows: int
    resumed: int
    """Rows that an earlier, interrupted pass had already written."""
    tally: Mapping[str, int]
    """What was counted of the lines, by name."""


def refusals(line: Line) -> Iterator[str]:
    """Yield the reason code of a line that says why its row got no answer."""
    if "reason" in line:
        yield reason_code(line["reason"])


def reason_code(reason: str) -> str:
    """Return the code of a reason that was written as `code: what exactly`."""
    return reason.partition(":")[0]


def row_id(origin: Origin, row: Mapping[str, Any]) -> str | int:
    """Return the id of a row.

    Raises:
        DataError: It has none, or one that is neither text nor a whole number.
    """
    identity = row.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise DataError(f"{origin.file} row {origin.row}: field 'id' must be a text or a whole number")
    return identity


def map_rows(
    rows: Iterable[Row],
    target: Path,
    job: Mapping[str, str],
    work: Callable[[list[Row]], Iterable[Line]],
    *,
    chunk: int | None = None,
    count: Callable[[Line], Iterable[str]] = refusals,
) -> RowSummary:
    """Write a JSON line for each row.

    Until it is complete the output is called TARGET.partial; a later call of the same job continues it, from the last
    whole chunk on: which rows share a call of `work` depends on their places alone, so a resumed output is that of an
    uninterrupted pass to the byte wherever `work` gives the same for the same rows.

    Args:
        rows: Rows with their origins, the same at every call of one job.
        target: Must not exist.
        job: What the output depends on, in words, with its identity: `{"input": hash, ...}`.
        work: Lines of some rows, one for each, in order.
        chunk: Rows given to one call of `work`; CHUNK if not given.
        count: Names under which a line counts in the summary.

    Raises:
        DataError: The output exists or cannot be written, or a partial one is of another job; whatever `rows` and
            `work` raise.
    """
    size = CHUNK if chunk is None else chunk
    if target.exists():
        raise DataError(f"{target}: exists already; delete it or choose another output")
    partial = target.with_name(target.name + ".partial")
    state = target.with_name(target.name + ".partial.json")
    try:
        resumed, tally = _resume(partial, state, job, size, count)
        total = resumed
        with partial.open("a", encoding="utf-8") as stream:
            rest = islice(rows, resumed, None)
            while some := list(islice(rest, size)):
                for line in work(some):
                    tally.update(count(line))
                    stream.write(json.dumps(line, ensure_ascii=False) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
                total += len(some)
        partial.replace(target)
        state.unlink()
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error}); choose another output") from error
    return RowSummary(total, resumed, dict(tally))


def _resume(
    partial: Path, state: Path, job: Mapping[str, str], chunk: int, count: Callable[[Line], Iterable[str]]
) -> tuple[int, Counter[str]]:
    """Cut a partial output after its last whole chunk; return its rows and what was counted of them."""
    tally: Counter[str] = Counter()
    if not partial.exists():
        partial.parent.mkdir(parents=True, exist_ok=True)
        write_text(state, json.dumps(job))
        return 0, tally
    try:
        known = json.loads(state.read_text(encoding="utf-8")) if state.exists() else {}
    except ValueError:
        raise DataError(f"{state}: damaged; delete it and {partial.name}, and begin again") from None
    for what, identity in job.items():
        if known.get(what) != identity:
            raise DataError(f"{partial}: was begun with another {what}; delete it, or finish it with that one")
    rows, size, read, pending = 0, 0, 0, Counter[str]()
    with partial.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.endswith(b"\n"):
                break
            read += len(raw)
            pending.update(count(json.loads(raw)))
            if number % chunk == 0:
                rows, size = number, read
                tally += pending
                pending.clear()
    with partial.open("r+b") as stream:
        stream.truncate(size)
    return rows, tally
