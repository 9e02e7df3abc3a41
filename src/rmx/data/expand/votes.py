"""Comparisons that several annotators voted on, one column per annotator or one column with a list of votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Ballot, Comparison, Label
from rmx.data.expand.adapter import Adapter, common_fields
from rmx.data.expand.cells import cell, has_cell
from rmx.data.expand.comparison import SideColumns, comparison_sides
from rmx.data.expand.labels import LabelReader, majority
from rmx.domain import Origin
from rmx.errors import ConfigError, DataError

__all__ = ["VoteColumns", "votes_adapter"]


@dataclass(frozen=True, kw_only=True)
class VoteColumns(SideColumns):
    """Which column plays which part."""

    votes: str | list[str] | dict[str, str]
    """A column per vote, as a list or as annotator: column; or one column that holds a list of votes."""
    annotators: str | list[str] | None = None
    """Who cast each vote, in the same order: a column per vote, or one column that holds a list of names or ids."""
    golden: str | None = None
    """Column that holds the side known to be right, as `data.labels` spells it; empty where nothing is known."""


def votes_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns and labels checked."""
    columns = build_strict(VoteColumns, data.columns, where="data.columns")
    if isinstance(columns.votes, dict) and columns.annotators is not None:
        raise ConfigError("data.columns.annotators: data.columns.votes names the annotators already; leave one out")
    votes_in = list(columns.votes.values()) if isinstance(columns.votes, dict) else columns.votes
    read_label = LabelReader(data.labels)

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        cast = _listed(origin, row, votes_in, "votes")
        read = [read_label(value) for value in cast]
        votes = (read.count("first"), read.count("second"), read.count("tie"))
        label: Label = "unknown" if "unknown" in read else majority(votes)
        first, second = comparison_sides(origin, row, columns)
        yield Comparison(
            origin,
            first,
            second,
            label,
            raw_label=f"votes {', '.join(map(repr, cast))}",
            votes=votes if sum(votes) else None,
            ballots=_ballots(_voters(origin, row, columns, len(cast)), read),
            golden=None if columns.golden is None else _golden(origin, row, columns.golden, read_label),
            **common_fields(origin, row, columns, data.label_source, label=label),
        )

    return adapt


def _listed(origin: Origin, row: Mapping[str, Any], columns: str | list[str], part: str) -> list[Any]:
    """Return as published what a column per vote holds, or one column with a list."""
    names = [columns] if isinstance(columns, str) else columns
    for name in names:
        if not has_cell(row, name):
            raise DataError(
                f"{origin.file} row {origin.row}: no column {name!r}; "
                f"set data.columns.{part} to some of {', '.join(map(str, row))}"
            )
    if isinstance(columns, list):
        return [cell(origin, row, name, part) for name in columns]
    value = cell(origin, row, columns, part)
    if not isinstance(value, list):
        raise DataError(
            f"{origin.file} row {origin.row}: column {columns!r} holds {value!r}, not a list of {part}; "
            f"list the columns of the single votes in data.columns.{part}"
        )
    return value


def _voters(origin: Origin, row: Mapping[str, Any], columns: VoteColumns, votes: int) -> list[Any]:
    """Return who cast each vote; nothing where the data do not say."""
    if isinstance(columns.votes, dict):
        return list(columns.votes)
    if columns.annotators is None:
        return []
    voters = _listed(origin, row, columns.annotators, "annotators")
    if len(voters) != votes:
        raise DataError(
            f"{origin.file} row {origin.row}: {votes} votes and {len(voters)} annotators; "
            "mend the row or set data.columns.annotators=null"
        )
    return voters


def _ballots(voters: list[Any], read: list[Label]) -> tuple[Ballot, ...]:
    """Return the votes cast, abstentions left out, with whoever is named."""
    named = zip(voters, read, strict=False)
    return tuple(
        Ballot(str(who), vote) for who, vote in named if vote in ("first", "second", "tie") and who not in (None, "")
    )


def _golden(
    origin: Origin, row: Mapping[str, Any], column: str, read_label: LabelReader
) -> Literal["first", "second"] | None:
    """Return the side known to be right."""
    (value,) = _listed(origin, row, [column], "golden")
    if value is None or value == "" or value != value:
        return None
    side = read_label(value)
    if side == "first" or side == "second":
        return side
    raise DataError(
        f"{origin.file} row {origin.row}: column {column!r} holds {value!r}, which names no side in data.labels; "
        "empty the cell or mend data.labels"
    )
