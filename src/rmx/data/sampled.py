"""One prompt with the completions drawn for it, and how rows of files become such."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rmx.data.comparison import Problem
from rmx.data.expand.adapter import UnusableCell, prompt_turns, texts_field
from rmx.data.expand.dialogue import answer_text
from rmx.domain import LabelSource, Message, Origin
from rmx.errors import DataError
from rmx.score_table import prompt_id

__all__ = ["SampledPrompt", "by_prompt", "rated", "unanswered"]

Row = tuple[Origin, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SampledPrompt:
    """One prompt and the completions drawn for it, repeats included."""

    prompt: tuple[Message, ...]
    completions: tuple[str, ...]
    gold: tuple[float | None, ...]
    """Gold reward of each completion, where it is known."""
    origin: Origin
    group: str = ""
    label_source: LabelSource = "unknown"
    """Whose judgement the gold rewards are."""
    problem: Problem | None = None
    """Why there are no completions, where a policy could not be asked."""

    @property
    def prompt_id(self) -> str:
        """The prompt's id in candidates tables."""
        return prompt_id(self.prompt)


def by_prompt(rows: Iterable[Row]) -> list[SampledPrompt]:
    """Return the samples of rows, those of one prompt brought together wherever they stand.

    Raises:
        DataError: A row cannot be read, an id stands twice, or two rows contradict each other; names them.
    """
    found: dict[tuple[Message, ...], SampledPrompt] = {}
    ids: dict[str, Origin] = {}
    for origin, row in rows:
        if row.get("id") is not None:
            first = ids.setdefault(str(row["id"]), origin)
            if first is not origin:
                raise DataError(f"{_at(origin)}: id {row['id']!r} stands in {_at(first)} too; ids must differ")
        one = _sampled(origin, row)
        before = found.get(one.prompt)
        if before is not None:
            if before.group and one.group and before.group != one.group:
                raise DataError(
                    f"{_at(origin)}: group {one.group!r}, but {_at(before.origin)} has the same prompt in group "
                    f"{before.group!r}; a prompt has one group"
                )
            one = replace(
                before,
                completions=before.completions + one.completions,
                gold=before.gold + one.gold,
                group=before.group or one.group,
                problem=None if before.completions or one.completions else before.problem,
            )
        found[one.prompt] = one
    for sampled in found.values():
        _refuse_second_gold(sampled)
    return list(found.values())


def rated(sampled: list[SampledPrompt], rows: Iterable[Row], column: str, *, slice: str) -> list[SampledPrompt]:
    """Return the samples with the gold rewards that a column of rating rows holds; null rates nothing.

    A file may hold the ratings of several slices: what is no sample of `slice` must be said to be of another one.

    Raises:
        DataError: A row lacks the column, rates what is no sample, or contradicts a gold reward.
    """
    prompts = {one.prompt: dict(zip(one.completions, one.gold, strict=True)) for one in sampled}
    for origin, row in rows:
        if unanswered(row) is not None:
            continue
        if column not in row:
            raise DataError(
                f"{_at(origin)}: no column {column!r} (columns: {', '.join(map(str, row))}); mend gold_column"
            )
        rating = _sampled(origin, {**row, "gold": row[column]})
        known = prompts.get(rating.prompt)
        for completion, gold in zip(rating.completions, rating.gold, strict=True):
            if known is None or completion not in known:
                if row.get("slice") not in (None, "", slice):
                    continue
                raise DataError(f"{_at(origin)}: rates an answer that is no sample here; give the samples' own ratings")
            if gold is None:
                continue
            if known[completion] not in (None, gold):
                raise DataError(
                    f"{_at(origin)}: gold {gold} for a completion that has gold {known[completion]}; give it one"
                )
            known[completion] = gold
    return [replace(one, gold=tuple(prompts[one.prompt][c] for c in one.completions)) for one in sampled]


def _refuse_second_gold(sampled: SampledPrompt) -> None:
    known: dict[str, float | None] = {}
    for completion, gold in zip(sampled.completions, sampled.gold, strict=True):
        first = known.setdefault(completion, gold)
        if first != gold:
            raise DataError(
                f"{_at(sampled.origin)}: a completion of this prompt stands twice, with gold {first} and {gold}; "
                "give equal completions one gold reward"
            )


def _sampled(origin: Origin, row: Mapping[str, Any]) -> SampledPrompt:
    problem = unanswered(row)
    several = row.get("completions") is not None
    column = "completions" if several else "completion"
    for name in ("prompt",) if problem else ("prompt", column):
        if row.get(name) is None:
            have = ", ".join(map(str, row))
            raise DataError(f"{_at(origin)}: no {name} (columns: {have}); give prompt and completion or completions")
    try:
        prompt = prompt_turns(origin, row, "prompt")
        completions: tuple[str, ...]
        if problem is not None:
            completions = ()
        elif several:
            completions = texts_field(origin, row, column)
        else:
            completions = (answer_text(origin, row, column, column),)
    except UnusableCell as error:
        raise DataError(f"{_at(origin)}: {error}; mend or remove the row") from None
    golds = _golds(origin, row.get("gold"), len(completions))
    return SampledPrompt(prompt, completions, golds, origin, str(row.get("group") or ""), problem=problem)


def unanswered(row: Mapping[str, Any]) -> Problem | None:
    """Return why a row has no completions, where whoever asked for them says so, as `rmx.sample` does."""
    reason = row.get("reason")
    if row.get("completions", ...) is not None or not isinstance(reason, str):
        return None
    code, _, detail = reason.partition(": ")
    return Problem(code, detail)


def _golds(origin: Origin, value: Any, count: int) -> tuple[float | None, ...]:
    values: Sequence[Any] = value if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise DataError(f"{_at(origin)}: {len(values)} gold rewards for {count} completions; give one for each")
    if count > 1 and value is not None and not isinstance(value, list | tuple):
        raise DataError(f"{_at(origin)}: one gold reward for {count} completions; give a list with one for each")
    return tuple(_gold(origin, v) for v in values)


def _gold(origin: Origin, value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise DataError(f"{_at(origin)}: gold is {value!r}, not a finite number; mend or remove it")
    return number


def _at(origin: Origin) -> str:
    return f"{origin.file} row {origin.row}"
