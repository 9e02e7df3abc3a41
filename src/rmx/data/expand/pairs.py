"""Pairs as published for reward modelling: chosen and rejected, text or messages, with explicit or implicit prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison, Dialogue, Label
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields, prompt_turns, text_field
from rmx.data.expand.cells import optional_cell
from rmx.data.expand.dialogue import answer, has_messages, with_tools
from rmx.data.expand.labels import majority
from rmx.data.turns import TOOLS
from rmx.domain import Message, Origin
from rmx.errors import DataError

__all__ = ["PairColumns", "PairsAdapter", "pairs_adapter"]


@dataclass(frozen=True, kw_only=True)
class PairColumns(CommonColumns):
    """Which column plays which part."""

    chosen: str = "chosen"
    rejected: str = "rejected"
    prompt: str | list[str] | None = None
    """Null: column `prompt` where the row has it, else the implicit prompt that both sides begin with. Several columns
    are joined by an empty line."""
    system: str | None = None
    votes: str | None = None
    """Column with [votes for chosen, for rejected, ties]."""


class PairsAdapter:
    """One row, one comparison, whose first side is the chosen one."""

    def __init__(self, columns: PairColumns, label_source: str) -> None:
        self.columns = columns
        self.label_source = label_source

    def __call__(self, origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        """Yield the comparison of a row."""
        c = self.columns
        first, second = self._sides(origin, row)
        votes = None if c.votes is None else _votes(origin, row, c.votes)
        label: Label = "first"
        if votes is not None:
            label = majority(votes)
            # The data call chosen what their own votes did not choose: no label can be believed.
            label = "unknown" if label == "second" else label
        yield Comparison(
            origin,
            first,
            second,
            label,
            raw_label="" if votes is None else f"votes {votes}",
            votes=votes,
            **common_fields(origin, row, c, self.label_source),
        )

    def _sides(self, origin: Origin, row: Mapping[str, Any]) -> tuple[Dialogue, Dialogue]:
        c = self.columns
        if not (has_messages(row, c.chosen) and has_messages(row, c.rejected)):
            explicit = c.prompt if c.prompt is not None else ("prompt" if row.get("prompt") is not None else None)
            if explicit is None:
                texts = (text_field(origin, row, x, p) for x, p in ((c.chosen, "chosen"), (c.rejected, "rejected")))
                return self._with_tools(row, *_implicit(*texts))
        first, second = (answer(origin, row, x, p) for x, p in ((c.chosen, "chosen"), (c.rejected, "rejected")))
        if self._whole(row, first) and self._whole(row, second):
            return self._with_tools(row, first, second)
        prompt = prompt_turns(origin, row, c.prompt or "prompt", c.system, c.tools)
        return _after(prompt, first), _after(prompt, second)

    def _whole(self, row: Mapping[str, Any], side: Dialogue) -> bool:
        """Return whether a side holds its own prompt."""
        if self.columns.prompt is not None:
            return False
        if row.get("prompt") is None:
            return True
        # Some data sets have whole dialogues and, for convenience, one turn of them as a text.
        convenience = self.columns.system is None and not has_messages(row, "prompt")
        return convenience and bool(side) and side[0].role in ("system", "user", TOOLS)

    def _with_tools(self, row: Mapping[str, Any], first: Dialogue, second: Dialogue) -> tuple[Dialogue, Dialogue]:
        return with_tools(row, self.columns.tools, first), with_tools(row, self.columns.tools, second)


def _after(prompt: Dialogue, side: Dialogue) -> Dialogue:
    """Return a side after its prompt; some data sets give the prompt and repeat it at the head of both sides."""
    turns = prompt[1:] if prompt[:1] and prompt[0].role == TOOLS and side[:1] != prompt[:1] else prompt
    return (*prompt[: len(prompt) - len(turns)], *(side if side[: len(turns)] == turns else turns + side))


def pairs_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns checked."""
    return PairsAdapter(build_strict(PairColumns, data.columns, where="data.columns"), data.label_source)


def _implicit(chosen: str, rejected: str) -> tuple[Dialogue, Dialogue]:
    """Split two texts where they part, back to the last white space before it."""
    end = 0
    for a, b in zip(chosen, rejected, strict=False):
        if a != b:
            break
        end += 1
    while end and not chosen[end - 1].isspace():
        end -= 1
    prompt = Message("user", chosen[:end].rstrip())
    return (
        (prompt, Message("assistant", chosen[end:])),
        (prompt, Message("assistant", rejected[end:])),
    )


def _votes(origin: Origin, row: Mapping[str, Any], column: str) -> tuple[int, int, int]:
    value = optional_cell(row, column)
    counts = list(value) if isinstance(value, list | tuple) else []
    if len(counts) not in (2, 3) or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts):
        raise DataError(
            f"{origin.file} row {origin.row}: column {column!r} must hold votes [chosen, rejected, ties], not "
            f"{value!r}; mend the row or set data.columns.votes=null"
        )
    return counts[0], counts[1], counts[2] if len(counts) == 3 else 0
