"""Strict access to the cells of a row: by column, or by the path to a value inside one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rmx.data.comparison import Problem
from rmx.domain import Origin
from rmx.errors import DataError

__all__ = ["UnusableCell", "cell", "has_cell", "id_cell", "number", "optional_cell"]

_ABSENT = object()


class UnusableCell(Exception):  # noqa: N818 (not an error of the run: the row leaves with this reason)
    """A cell that holds something else than its column promises."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(reason, detail)


def cell(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> Any:
    """Return what a column holds.

    A name that is no column is a path into one, its steps joined by dots: the key of a mapping, the number of a list's
    element from 0, or `*` for all elements: `info.post`, `summaries.0.text`, `votes.*.score`. A key of a list is that
    of all its elements, as in `votes.score`: Parquet may hold a list of objects as an object of lists.

    Raises:
        DataError: there is no such column; says which there are.
    """
    found = _find(row, column)
    if found is _ABSENT:
        raise DataError(
            f"{origin.file} row {origin.row}: no column {column!r}; "
            f"set data.columns.{part} to one of {', '.join(map(str, row))}"
        )
    return found


def has_cell(row: Mapping[str, Any], column: str) -> bool:
    """Return whether there is such a column or path."""
    return _find(row, column) is not _ABSENT


def optional_cell(row: Mapping[str, Any], column: str) -> Any:
    """Return what a column holds, None where there is no such one."""
    found = _find(row, column)
    return None if found is _ABSENT else found


def id_cell(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> str:
    """Return what a column of ids holds, as text.

    Raises:
        DataError: there is no such column, or no id in it.
    """
    value = cell(origin, row, column, part)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "" or value != value:
        raise DataError(
            f"{origin.file} row {origin.row}: column {column!r} holds {value!r} where an id is needed; "
            f"fill it, or set data.columns.{part}=null"
        )
    return str(value)


def number(value: Any) -> float:
    """Return a number, NaN for what is none."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _find(row: Mapping[str, Any], column: str) -> Any:
    return row[column] if column in row else _follow(row, column.split(".")) if "." in column else _ABSENT


def _follow(value: Any, steps: list[str]) -> Any:
    for k, step in enumerate(steps):
        if isinstance(value, list | tuple) and not step.isdecimal():
            found = [_follow(item, steps[k + 1 if step == "*" else k :]) for item in value]
            return _ABSENT if _ABSENT in found else found
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _ABSENT
    return value
