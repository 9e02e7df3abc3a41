"""A/B comparisons: a prompt, two completions and one label column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison, Dialogue
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields, prompt_turns, text_field
from rmx.data.expand.cells import cell
from rmx.data.expand.dialogue import answer, with_tools
from rmx.data.expand.labels import LabelReader
from rmx.domain import Origin

__all__ = ["ComparisonColumns", "SideColumns", "comparison_adapter", "comparison_sides"]


@dataclass(frozen=True, kw_only=True)
class SideColumns(CommonColumns):
    """Where the two sides stand."""

    prompt: str | list[str] | None
    """Several columns are joined by an empty line; an empty one is left out. Null where both sides are whole dialogues,
    as lists of messages."""
    first: str
    second: str
    system: str | None = None


@dataclass(frozen=True, kw_only=True)
class ComparisonColumns(SideColumns):
    """Which column plays which part."""

    label: str
    first_policy: str | None = None
    """Which policy wrote the first completion; becomes tag chosen_policy or rejected_policy."""
    second_policy: str | None = None


def comparison_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns and labels checked."""
    columns = build_strict(ComparisonColumns, data.columns, where="data.columns")
    read_label = LabelReader(data.labels)

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        value = cell(origin, row, columns.label, "label")
        label = read_label(value)
        first, second = comparison_sides(origin, row, columns)
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
            label,
            raw_label=repr(value),
            side_tags=side_tags,
            **common_fields(origin, row, columns, data.label_source, label=label),
        )

    return adapt


def comparison_sides(origin: Origin, row: Mapping[str, Any], columns: SideColumns) -> tuple[Dialogue, Dialogue]:
    """Return the two dialogues of a row: answers to an explicit prompt, or whole dialogues."""
    first = answer(origin, row, columns.first, "first")
    second = answer(origin, row, columns.second, "second")
    if columns.prompt is None:
        return with_tools(row, columns.tools, first), with_tools(row, columns.tools, second)
    turns = prompt_turns(origin, row, columns.prompt, columns.system, columns.tools)
    return (*turns, *first), (*turns, *second)
