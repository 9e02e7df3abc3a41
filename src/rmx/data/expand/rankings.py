"""Rankings: a prompt and several completions in order, each two of which are a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison, Dialogue, Label, Problem
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields
from rmx.data.expand.cells import UnusableCell, cell, has_cell, number
from rmx.data.expand.dialogue import answer_turn, messages, prompt_turns, text_field
from rmx.data.expand.hh_dialogue import parse_dialogue
from rmx.data.rankings import RANK, RANKING
from rmx.data.text import digest
from rmx.domain import Message, Origin

__all__ = ["RankingColumns", "rankings_adapter"]


@dataclass(frozen=True, kw_only=True)
class RankingColumns(CommonColumns):
    """Which column plays which part; `column.field` is a field of each object in the list that a column holds.

    An id gets the numbers of the two completions appended, for a row is many comparisons. Without a column for
    strength, the strength of a comparison of `scores` is their difference.
    """

    prompt: str | list[str] = "prompt"
    completions: str = "completions"
    """A list of texts, of messages, or of message lists that go on from the prompt."""
    ranks: str | None = None
    """A list of numbers, the least of which is best; equal ones are tied."""
    scores: str | None = None
    """A list of numbers, the greatest of which is best. Without ranks and scores the completions stand best first."""
    policies: str | None = None
    """A list of the policies that wrote them; they become tags chosen_policy and rejected_policy."""
    pairs: Literal["all", "adjacent"] = "all"
    """`all` compares every two completions, `adjacent` only those of neighbouring ranks."""
    dialogue: bool = False
    """Whether the prompt is a dialogue as text, turns opened by `Human:` and `Assistant:` after an empty line."""
    system: str | None = None

    def __post_init__(self) -> None:
        if self.ranks is not None and self.scores is not None:
            raise ValueError("ranks and scores both order the completions; give one of them")


def rankings_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns checked.

    Tags `ranking`, `chosen_rank` and `rejected_rank` say which ranking a pair belongs to, and its places there, 1 for
    the best.
    """
    columns = build_strict(RankingColumns, data.columns, where="data.columns")

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        prompt = _prompt(origin, row, columns)
        items = _list(origin, row, columns, "completions")
        sides = [(*prompt, *_completion(origin, item, k)) for k, item in enumerate(items, start=1)]
        if len(sides) < 2:
            detail = f"{len(sides)} completion{'' if len(sides) == 1 else 's'}, a ranking needs two"
            yield Comparison(origin, (), (), "unread", problem=Problem("single_candidate", detail))
            return
        values = _values(origin, row, columns, len(sides))
        ranks = _dense_ranks(values)
        facts = _facts(origin, row, columns, ranks)
        common = common_fields(origin, row, columns, data.label_source)
        identity, tags, strength = common["given_id"], common["tags"], common["strength"]
        own = identity or digest(*(part for side in sides for turn in side for part in turn), repr(ranks))
        for i, j in combinations(range(len(sides)), 2):
            first, second = ranks[i], ranks[j]
            if columns.pairs == "adjacent" and first is not None and second is not None and abs(first - second) > 1:
                continue
            common["given_id"] = None if identity is None else f"{identity}/{i}/{j}"
            common["tags"] = {**tags, RANKING: own}
            if columns.scores is not None and columns.strength is None:
                common["strength"] = abs(values[i] - values[j])
            else:
                common["strength"] = strength
            yield Comparison(
                origin,
                sides[i],
                sides[j],
                _label(first, second),
                raw_label=f"rank {first} against {second}",
                side_tags=(facts[i], facts[j]),
                problem=_unranked(columns, first, second),
                **common,
            )

    return adapt


def _prompt(origin: Origin, row: Mapping[str, Any], columns: RankingColumns) -> Dialogue:
    if not columns.dialogue or not isinstance(columns.prompt, str):
        return prompt_turns(origin, row, columns.prompt, columns.system)
    turns, wrong = parse_dialogue(text_field(origin, row, columns.prompt, "prompt"))
    if not wrong and turns[-1] != Message("assistant", ""):
        wrong = "the prompt does not end with an open Assistant: turn"
    if wrong:
        raise UnusableCell("malformed_dialogue", wrong)
    return turns[:-1]


def _completion(origin: Origin, item: Any, number: int) -> Dialogue:
    if isinstance(item, str | Mapping):
        return (answer_turn(item, number, "completions"),)
    if isinstance(item, list):
        return messages(origin, {"completions": item}, "completions", "completions")
    raise UnusableCell("invalid_text", f"a completion is a {type(item).__name__}, neither text nor messages")


def _list(origin: Origin, row: Mapping[str, Any], columns: RankingColumns, part: str, length: int = 0) -> list[Any]:
    """Return the list that plays a part, of the length given."""
    column = getattr(columns, part)
    name, _, field = column.partition(".")
    if name in row and not has_cell(row, column):
        raise UnusableCell("invalid_text", f"column {name!r} needs a list of objects with {field!r}")
    value = cell(origin, row, column, part)
    reason = "invalid_text" if part == "completions" else "invalid_rank"
    if not isinstance(value, list | tuple):
        raise UnusableCell(reason, f"column {column!r} needs a list, not a {type(value).__name__}")
    if length and len(value) != length:
        raise UnusableCell(reason, f"{length} completions, and {len(value)} in column {column!r}")
    return list(value)


def _values(origin: Origin, row: Mapping[str, Any], columns: RankingColumns, length: int) -> list[float]:
    """Return numbers of the completions, the greatest for the best; NaN where the row has none."""
    if columns.scores is not None:
        return [_finite(value) for value in _list(origin, row, columns, "scores", length)]
    if columns.ranks is not None:
        return [-_finite(value) for value in _list(origin, row, columns, "ranks", length)]
    return [-float(i) for i in range(length)]


def _finite(value: Any) -> float:
    found = number(value)
    return found if math.isfinite(found) else math.nan


def _dense_ranks(values: list[float]) -> list[int | None]:
    """Return places from 1 for the best, without gaps; None where there is no number."""
    place = {value: i for i, value in enumerate(sorted({v for v in values if v == v}, reverse=True), start=1)}
    return [place.get(value) for value in values]


def _facts(
    origin: Origin, row: Mapping[str, Any], columns: RankingColumns, ranks: list[int | None]
) -> list[dict[str, str]]:
    """Return what is known of each completion, for the tags of its side."""
    facts = [{RANK: str(rank)} for rank in ranks]
    if columns.policies is not None:
        for fact, policy in zip(facts, _list(origin, row, columns, "policies", len(ranks)), strict=True):
            fact["policy"] = str(policy)
    return facts


def _label(first: int | None, second: int | None) -> Label:
    if first is None or second is None:
        return "unread"
    return "tie" if first == second else ("first" if first < second else "second")


def _unranked(columns: RankingColumns, first: int | None, second: int | None) -> Problem | None:
    if first is not None and second is not None:
        return None
    return Problem("invalid_rank", f"a completion without a number in column {columns.ranks or columns.scores!r}")
