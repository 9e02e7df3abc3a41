"""What every adapter shares: its protocol, and the columns common to all formats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict, cast

from rmx.data.comparison import Comparison, Label
from rmx.data.expand.cells import UnusableCell, cell, id_cell, number, optional_cell
from rmx.data.expand.dialogue import ROLES, messages, prompt_turns, text_field, texts_field
from rmx.domain import LabelSource, Origin

__all__ = [
    "ROLES",
    "Adapter",
    "CommonColumns",
    "CommonFields",
    "SignedColumn",
    "UnusableCell",
    "common_fields",
    "messages",
    "prompt_turns",
    "text_field",
    "texts_field",
]


class Adapter(Protocol):
    """Turns one row into comparisons."""

    def __call__(self, origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        """Yield the comparisons of a row."""
        ...


@dataclass(frozen=True)
class SignedColumn:
    """A column whose sign says which side is better, and whose absolute value by how much: -3 to 3."""

    signed: str


@dataclass(frozen=True, kw_only=True)
class CommonColumns:
    """Columns that any format may have."""

    id: str | None = None
    """Unique id of the comparison; without one, ids are hashes of the content."""
    group: str | None = None
    """Prompt or candidate-generation id; pairs that share it are never split."""
    weight: str | None = None
    strength: str | list[str] | SignedColumn | None = None
    """Label strength, the target margin where `loss.margin` asks for it: a column; the scores of the first and of the
    second side, whose difference it is, counted for the preferred one; or `{signed: COLUMN}`, its absolute value."""
    item: str | None = None
    """Column with the number of an item of a published benchmark, where each counts even if its texts are those of
    another; becomes tag `item`."""
    tags: list[str] | dict[str, str] = field(default_factory=list)
    """Columns kept as tags: their names, or tag: column."""
    tools: str | None = "tools"
    """Column of the tools that the dialogue may use, read where the row has it; null never."""

    def __post_init__(self) -> None:
        if isinstance(self.strength, list) and len(self.strength) != 2:
            raise ValueError(f"strength lists the scores of the two sides, not {len(self.strength)} columns")


class CommonFields(TypedDict):
    """The fields of a comparison that come from `CommonColumns`."""

    given_id: str | None
    group: str
    weight: float
    strength: float | None
    tags: dict[str, str]
    label_source: LabelSource
    designed: bool


def common_fields(
    origin: Origin, row: Mapping[str, Any], columns: CommonColumns, label_source: str, *, label: Label = "first"
) -> CommonFields:
    """Read the common fields of a row; a weight that is not a number becomes NaN, for the rule to find.

    Args:
        origin: of the row, for messages.
        row: its columns.
        columns: which column plays which part.
        label_source: whose judgement the label is.
        label: the side that was preferred, towards which a strength given by two scores counts.
    """
    tags = columns.tags if isinstance(columns.tags, dict) else {name: name for name in columns.tags}
    found = {tag: optional_cell(row, column) for tag, column in tags.items()}
    group = None if columns.group is None else id_cell(origin, row, columns.group, "group")
    item = {} if columns.item is None else {"item": id_cell(origin, row, columns.item, "item")}
    return CommonFields(
        given_id=None if columns.id is None else id_cell(origin, row, columns.id, "id"),
        group=group or "",
        weight=1.0 if columns.weight is None else number(cell(origin, row, columns.weight, "weight")),
        strength=_strength(origin, row, columns.strength, label),
        tags={tag: str(value) for tag, value in found.items() if value is not None} | item,
        label_source=cast(LabelSource, label_source),
        designed=columns.item is not None,
    )


def _strength(
    origin: Origin, row: Mapping[str, Any], given: str | list[str] | SignedColumn | None, label: Label
) -> float | None:
    """Return the label strength of a row, None where it has no finite one."""
    if given is None:
        return None
    if isinstance(given, SignedColumn):
        value = abs(number(cell(origin, row, given.signed, "strength")))
    elif isinstance(given, str):
        value = number(cell(origin, row, given, "strength"))
    else:
        first, second = (number(cell(origin, row, column, "strength")) for column in given)
        value = second - first if label == "second" else first - second
    return value if math.isfinite(value) else None
