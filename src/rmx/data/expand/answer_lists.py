"""Best-of-n benchmarks: several right and several wrong answers to a prompt, each right one against each wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields, prompt_turns, texts_field
from rmx.domain import Message, Origin

__all__ = ["answer_lists_adapter"]


@dataclass(frozen=True, kw_only=True)
class AnswerListColumns(CommonColumns):
    """Which column plays which part; an id gets the numbers of the two answers appended, for a row is many comparisons.

    Right answers are not compared with each other: they are tied. With tags `item`, `right` and `wrong` (numbers of
    the two answers from 0) and `answers` (how many right and wrong ones the row has, `1x3`) an audit puts the answers
    of a row together again, and sees whether all are there.
    """

    prompt: str | list[str] = "prompt"
    chosen: str = "chosen"
    """List of the right answers."""
    rejected: str = "rejected"
    """List of the wrong answers."""
    item: str = "id"
    system: str | None = None


def answer_lists_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns checked."""
    columns = build_strict(AnswerListColumns, data.columns, where="data.columns")

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        turns = prompt_turns(origin, row, columns.prompt, columns.system, columns.tools)
        right, wrong = (
            texts_field(origin, row, column, part)
            for column, part in ((columns.chosen, "chosen"), (columns.rejected, "rejected"))
        )
        common = common_fields(origin, row, columns, data.label_source)
        identity, tags = common["given_id"], common["tags"]
        for i, first in enumerate(right):
            for j, second in enumerate(wrong):
                common["given_id"] = None if identity is None else f"{identity}/{i}/{j}"
                common["tags"] = {**tags, "right": str(i), "wrong": str(j), "answers": f"{len(right)}x{len(wrong)}"}
                sides = ((*turns, Message("assistant", text)) for text in (first, second))
                yield Comparison(origin, next(sides), next(sides), "first", **common)

    return adapt
