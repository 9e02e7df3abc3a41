"""A/B comparisons: a prompt, two completions and one label column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison, Dialogue
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields, prompt_turns, text_field
from rmx.data.expand.labels import LabelReader
from rmx.domain import Message, Origin
from rmx.errors import DataError

__all__ = ["ComparisonColumns", "comparison_adapter", "comparison_sides"]


@dataclass(frozen=True, kw_only=True)
class ComparisonColumns(CommonColumns):
    """Which column plays which part."""

    prompt: str | list[str]
    """Several columns are joined by an empty line; an empty one is left out."""
    first: str
    second: str
    label: str
    system: str | None = None
    first_policy: str | None = None
    """Which policy wrote the first completion; becomes tag chosen_policy or rejected_policy."""
    second_policy: str | None = None


def comparison_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns and labels checked."""
    columns = build_strict(ComparisonColumns, data.columns, where="data.columns")
    read_label = LabelReader(data.labels)

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        if columns.label not in row:
            raise DataError(
                f"{origin.file} row {origin.row}: no column {columns.label!r}; "
                f"set data.columns.label to one of {', '.join(map(str, row))}"
            )
        first, second = comparison_sides(origin, row, columns.prompt, columns.system, columns.first, columns.second)
        side_tags = None
        if columns.first_policy is not None and columns.second_policy is not None:
            side_tags = (
                {"policy": text_field(origin, row, columns.first_policy, "first_policy")},
                {"policy": text_field(origin, row, columns.second_policy, "second_policy")},
            )
        yield Comparison(
            origin,
            first,
            second,
            read_label(row[columns.label]),
            raw_label=repr(row[columns.label]),
            side_tags=side_tags,
            **common_fields(origin, row, columns, data.label_source),
        )

    return adapt


def comparison_sides(
    origin: Origin, row: Mapping[str, Any], prompt: str | list[str], system: str | None, first: str, second: str
) -> tuple[Dialogue, Dialogue]:
    """Return the two dialogues of a row with an explicit prompt and two texts."""
    turns = prompt_turns(origin, row, prompt, system)
    return (
        (*turns, Message("assistant", text_field(origin, row, first, "first"))),
        (*turns, Message("assistant", text_field(origin, row, second, "second"))),
    )
