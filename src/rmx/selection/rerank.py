"""Best-of-n: of the completions of each row, the one that a reward likes best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rmx.data.expand.adapter import UnusableCell, texts_field
from rmx.data.row_stream import Line, Row, RowSummary, map_rows, reason_code, row_id
from rmx.data.sampled import unanswered
from rmx.domain import Origin
from rmx.errors import DataError
from rmx.scorers.base import TextScorer
from rmx.scorers.prompts import as_prompt
from rmx.scorers.stream import Batch

__all__ = ["DUPLICATES", "TIED", "rerank_stream"]

DUPLICATES, TIED = "duplicates", "tied"
"""What repeated completions, and rows whose best is not the only one, count as in the summary."""


def rerank_stream(scorer: TextScorer, rows: Iterable[Row], target: Path, *, content: str, n: int | None) -> RowSummary:
    """Write a JSON line with the best completion of each row.

    A line has `id`, `prompt`, `best` (the text), `best_index`, `reward` (the best's), `completions` and `rewards` of
    all that were chosen among, `duplicates` (how many of these repeat an earlier one) and `tied` (the places of other
    texts of the same reward; the first is taken). Where a completion cannot be scored, its reward is null and `refused`
    has the reason by its place; a row without any reward has null for its best and a `reason`.

    A row that `rmx.sample` could not answer keeps its reason.

    Args:
        scorer: What chooses.
        rows: With `id`, `prompt` and `completions`, a list of texts.
        target: Must not exist; a partial one is continued.
        content: Identity of the rows.
        n: Choose among the first n of each row; None takes all.

    Raises:
        DataError: As for `map_rows`; and a row that lacks something, or has fewer than n completions.
    """
    job = {"reward model": scorer.identity, "input": content, "rerank.n": str(n)}
    return map_rows(rows, target, job, lambda chunk: _lines(scorer, chunk, n), count=_count)


def _count(line: Line) -> Iterator[str]:
    refused = line.get("refused")
    yield from map(reason_code, refused.values() if refused else [line["reason"]] if "reason" in line else [])
    yield from [DUPLICATES] * line["duplicates"]
    yield from [TIED] * bool(line["tied"])


def _lines(scorer: TextScorer, chunk: Sequence[Row], n: int | None) -> Iterator[dict[str, Any]]:
    batch = Batch()
    wanted: list[tuple[dict[str, Any], list[str], list[str], dict[str, Any]]] = []
    for origin, row in chunk:
        prompt = as_prompt(row, "prompt", origin)
        facts = {"id": row_id(origin, row), "prompt": row["prompt"]}
        if row.get("tools") is not None:
            facts["tools"] = row["tools"]
        if unanswered(row) is not None:
            wanted.append((facts, [], [], {"completions": None, "rewards": None, "reason": row["reason"]}))
            continue
        completions = _completions(origin, row, n)
        wanted.append((facts, completions, [batch.add(prompt, text) for text in completions], {}))
    rewards, reasons = batch.score(scorer)
    for facts, completions, members, known in wanted:
        refused = {str(place): reasons[text] for place, text in enumerate(members) if text in reasons}
        yield {**facts, **_chosen(completions, [rewards.get(text) for text in members], refused), **known}


def _chosen(completions: Sequence[str], rewards: Sequence[float | None], refused: dict[str, str]) -> dict[str, Any]:
    """Return the fields of a line from the rewards of its completions, None for those refused."""
    first = {text: place for place, text in reversed(list(enumerate(completions)))}
    scored = {place: reward for place in sorted(first.values()) if (reward := rewards[place]) is not None}
    best = max(scored, key=lambda place: scored[place], default=None)
    found: dict[str, Any] = {
        "best": None if best is None else completions[best],
        "best_index": best,
        "reward": None if best is None else scored[best],
        "tied": [place for place in scored if best is not None and place != best and scored[place] == scored[best]],
        "duplicates": len(completions) - len(first),
        "completions": list(completions),
        "rewards": list(rewards),
    }
    if refused:
        found["refused"] = refused
        if best is None:
            found["reason"] = next(iter(refused.values()))
    return found


def _completions(origin: Origin, row: dict[str, Any], n: int | None) -> list[str]:
    where = f"{origin.file} row {origin.row}"
    try:
        found = texts_field(origin, row, "completions")
    except UnusableCell as error:
        raise DataError(f"{where}: {error}; mend or remove the row") from None
    if n is not None and len(found) < n:
        raise DataError(f"{where}: {len(found)} completions, rerank.n={n} wants more; lower it, or sample more")
    return list(found[:n])
