"""Comparisons that several annotators voted on, one column per annotator or one column with a list of votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison, Label
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields
from rmx.data.expand.comparison import comparison_sides
from rmx.data.expand.labels import LabelReader, majority
from rmx.domain import Origin
from rmx.errors import DataError

__all__ = ["VoteColumns", "votes_adapter"]


@dataclass(frozen=True, kw_only=True)
class VoteColumns(CommonColumns):
    """Which column plays which part."""

    prompt: str | list[str]
    first: str
    second: str
    votes: str | list[str]
    """A column per annotator, or one column that holds a list of votes."""
    system: str | None = None


def votes_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns and labels checked."""
    columns = build_strict(VoteColumns, data.columns, where="data.columns")
    read_label = LabelReader(data.labels)

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        cast = _cast(origin, row, columns.votes)
        read = [read_label(value) for value in cast]
        votes = (read.count("first"), read.count("second"), read.count("tie"))
        label: Label = "unknown" if "unknown" in read else majority(votes)
        first, second = comparison_sides(origin, row, columns.prompt, columns.system, columns.first, columns.second)
        yield Comparison(
            origin,
            first,
            second,
            label,
            raw_label=f"votes {', '.join(map(repr, cast))}",
            votes=votes if sum(votes) else None,
            **common_fields(origin, row, columns, data.label_source),
        )

    return adapt


def _cast(origin: Origin, row: Mapping[str, Any], columns: str | list[str]) -> list[Any]:
    """Return the votes as published."""
    names = [columns] if isinstance(columns, str) else columns
    for name in names:
        if name not in row:
            raise DataError(
                f"{origin.file} row {origin.row}: no column {name!r}; "
                f"set data.columns.votes to some of {', '.join(map(str, row))}"
            )
    if isinstance(columns, list):
        return [row[name] for name in columns]
    value = row[columns]
    if not isinstance(value, list):
        raise DataError(
            f"{origin.file} row {origin.row}: column {columns!r} holds {value!r}, not a list of votes; "
            "list the annotators' columns in data.columns.votes"
        )
    return value
