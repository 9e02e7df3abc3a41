"""What every adapter shares: its protocol, the columns common to all formats, and strict access to a row's fields."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict, cast

from rmx.data.comparison import Comparison, Problem
from rmx.domain import LabelSource, Message, Origin
from rmx.errors import DataError

__all__ = [
    "ROLES",
    "Adapter",
    "CommonColumns",
    "CommonFields",
    "UnusableCell",
    "common_fields",
    "messages",
    "nested_field",
    "prompt_turns",
    "text_field",
    "texts_field",
]

ROLES = ("system", "user", "assistant", "tool")


class UnusableCell(Exception):  # noqa: N818 (not an error of the run: the row leaves with this reason)
    """A cell that holds something else than its column promises."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(reason, detail)


class Adapter(Protocol):
    """Turns one row into comparisons."""

    def __call__(self, origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        """Yield the comparisons of a row."""
        ...


@dataclass(frozen=True, kw_only=True)
class CommonColumns:
    """Columns that any format may have."""

    id: str | None = None
    """Unique id of the comparison; without one, ids are hashes of the content."""
    group: str | None = None
    """Prompt or candidate-generation id; pairs that share it are never split."""
    weight: str | None = None
    strength: str | None = None
    """Label strength, a target margin when `loss.margin` names it."""
    item: str | None = None
    """Column with the number of an item of a published benchmark, where each counts even if its texts are those of
    another; becomes tag `item`."""
    tags: list[str] | dict[str, str] = field(default_factory=list)
    """Columns kept as tags: their names, or tag: column."""


class CommonFields(TypedDict):
    """The fields of a comparison that come from `CommonColumns`."""

    given_id: str | None
    group: str
    weight: float
    strength: float | None
    tags: dict[str, str]
    label_source: LabelSource
    designed: bool


def common_fields(origin: Origin, row: Mapping[str, Any], columns: CommonColumns, label_source: str) -> CommonFields:
    """Read the common fields of a row; a weight that is not a number becomes NaN, for the rule to find."""
    tags = columns.tags if isinstance(columns.tags, dict) else {name: name for name in columns.tags}
    group = None if columns.group is None else _scalar(origin, row, columns.group, "group")
    item = {} if columns.item is None else {"item": _scalar(origin, row, columns.item, "item")}
    return CommonFields(
        given_id=None if columns.id is None else _scalar(origin, row, columns.id, "id"),
        group=group or "",
        weight=1.0 if columns.weight is None else _number(_field(origin, row, columns.weight, "weight")),
        strength=None if columns.strength is None else _finite(_field(origin, row, columns.strength, "strength")),
        tags={tag: str(row[column]) for tag, column in tags.items() if row.get(column) is not None} | item,
        label_source=cast(LabelSource, label_source),
        designed=columns.item is not None,
    )


def text_field(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> str:
    """Return a text of the row.

    Raises:
        DataError: there is no such column.
        UnusableCell: it does not hold text.
    """
    value = _field(origin, row, column, part)
    if not isinstance(value, str):
        held = "null" if value is None else f"a {type(value).__name__}"
        raise UnusableCell("invalid_text", f"column {column!r} holds {held}, not text")
    return value


def texts_field(
    origin: Origin, row: Mapping[str, Any], column: str, part: str | None = None, *, length: int | None = None
) -> tuple[str, ...]:
    """Return a list of texts of the row, at least one, or so many.

    Raises:
        DataError: there is no such column.
        UnusableCell: it holds something else.
    """
    value = _field(origin, row, column, part or column)
    texts = tuple(value) if isinstance(value, list | tuple) else ()
    if not texts or len(texts) != (length or len(texts)) or not all(isinstance(text, str) for text in texts):
        raise UnusableCell("invalid_text", f"column {column!r} needs a list of {f'{length} ' if length else ''}texts")
    return texts


def prompt_turns(
    origin: Origin, row: Mapping[str, Any], column: str | list[str] | None, system: str | None = None
) -> tuple[Message, ...]:
    """Return an explicit prompt: a text, several texts joined by an empty line, or a list of messages."""
    turns: tuple[Message, ...]
    if isinstance(column, str) and isinstance(row.get(column), list):
        turns = messages(origin, row, column, "prompt")
    else:
        names = [column] if isinstance(column, str) else list(column or [])
        texts = [text_field(origin, row, name, "prompt") for name in names]
        turns = (Message("user", "\n\n".join(t for t in texts if t.strip()) if len(texts) > 1 else texts[0]),)
    if system is not None and row.get(system) is not None:
        turns = (Message("system", text_field(origin, row, system, "system")), *turns)
    return turns


def messages(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> tuple[Message, ...]:
    """Return a list of {role, content} as turns; unknown roles are left for the rule to find."""
    turns = []
    for k, item in enumerate(_field(origin, row, column, part)):
        role, content = (item.get("role"), item.get("content")) if isinstance(item, Mapping) else (None, None)
        if not isinstance(role, str) or not isinstance(content, str):
            detail = f"message {k + 1} of column {column!r} needs a text role and a text content"
            raise UnusableCell("malformed_dialogue", detail)
        turns.append(Message(role, content))
    return tuple(turns)


def nested_field(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> Any:
    """Return a column of the row, or of `column.field` that field of each object in the list that the column holds.

    Parquet files may hold such a list as an object of lists: it is read in the same way.

    Raises:
        DataError: there is no such column.
        UnusableCell: it does not hold objects with that field.
    """
    name, _, field = column.partition(".")
    if column in row or not field:
        return _field(origin, row, column, part)
    held = _field(origin, row, name, part)
    if isinstance(held, Mapping) and field in held:
        return held[field]
    if not isinstance(held, list | tuple) or not all(isinstance(item, Mapping) and field in item for item in held):
        raise UnusableCell("invalid_text", f"column {name!r} needs a list of objects with {field!r}")
    return [item[field] for item in held]


def _field(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> Any:
    if column not in row:
        raise DataError(f"{origin.file} row {origin.row}: no column {column!r}; {_remedy(row, part)}")
    return row[column]


def _remedy(row: Mapping[str, Any], part: str) -> str:
    return f"set data.columns.{part} to one of {', '.join(map(str, row))}"


def _scalar(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> str:
    value = _field(origin, row, column, part)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "" or value != value:
        raise DataError(
            f"{origin.file} row {origin.row}: column {column!r} holds {value!r} where an id is needed; "
            f"fill it, or set data.columns.{part}=null"
        )
    return str(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _finite(value: Any) -> float | None:
    number = _number(value)
    return number if math.isfinite(number) else None
