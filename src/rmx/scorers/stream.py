"""Score a file of prompts and completions row by row: streaming, resumable, whole or not at all under its name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rmx.data.files import content_hash, file_rows
from rmx.data.row_stream import Row, RowSummary, map_rows, row_id
from rmx.domain import Candidate, Message
from rmx.score_table import candidate_id
from rmx.scorers.base import TextScorer
from rmx.scorers.prompts import as_completion, as_prompt

__all__ = ["Batch", "score_stream"]


class Batch:
    """Texts to be scored in one call, each once however many rows want it."""

    def __init__(self) -> None:
        self._texts: dict[str, Candidate] = {}

    def add(self, prompt: tuple[Message, ...], completion: str) -> str:
        """Want a text; return its id."""
        identity = candidate_id(prompt, completion)
        self._texts.setdefault(identity, Candidate(identity, prompt, completion))
        return identity

    def score(self, scorer: TextScorer) -> tuple[dict[str, float], dict[str, str]]:
        """Return by id the rewards, and of the texts that have none the reason: a code, a colon, a detail."""
        scored = scorer.score_texts(list(self._texts.values()))
        rewards: dict[str, float] = {}
        reasons: dict[str, str] = {}
        for number, identity in enumerate(self._texts):
            value = float(scored.values[number])
            if number in scored.reasons:
                reasons[identity] = scored.reasons[number]
            elif math.isfinite(value):
                rewards[identity] = value
            else:  # JSON has no word for it
                reasons[identity] = f"not_finite: the scorer gave {value}"
        return rewards, reasons


def score_stream(scorer: TextScorer, source: Path, target: Path) -> RowSummary:
    """Write a JSON line with `id` and `reward` for each row with `id`, `prompt` and `completion`.

    Rows with `chosen` and `rejected` in place of `completion` get `chosen_reward`, `rejected_reward`, their `margin`
    and `preference`, the probability σ(margin). A text that the scorer cannot score (too long, a control token in it)
    gets null and a `reason`. Until it is complete the output is called TARGET.partial; a later call with the same model
    and input continues it.

    Args:
        scorer: The loaded model, or any other scorer of texts.
        source: JSONL, CSV or Parquet, the text formats also gzipped.
        target: Must not exist.

    Raises:
        DataError: The input is damaged or lacks a field, or the output exists, or a partial one is of another model or
            input.
    """
    job = {"reward model": scorer.identity, "input": content_hash([source])}
    return map_rows(file_rows(source), target, job, lambda rows: _score(scorer, rows))


def _score(scorer: TextScorer, chunk: Sequence[Row]) -> Iterator[dict[str, Any]]:
    batch = Batch()
    parts: list[tuple[str | int, list[str]]] = []
    for origin, row in chunk:
        identity = row_id(origin, row)
        prompt = as_prompt(row, "prompt", origin)
        names = ("chosen", "rejected") if "completion" not in row and "chosen" in row else ("completion",)
        parts.append((identity, [batch.add(prompt, as_completion(row, name, origin)) for name in names]))
    rewards, reasons = batch.score(scorer)
    for identity, members in parts:
        wrong = next((reasons[text] for text in members if text in reasons), None)
        values = [None if wrong else rewards[text] for text in members]
        yield {"id": identity, **_columns(values), **({"reason": wrong} if wrong else {})}


def _columns(values: list[float | None]) -> dict[str, float | None]:
    if len(values) == 1:
        return {"reward": values[0]}
    chosen, rejected = values
    if chosen is None or rejected is None:
        return dict.fromkeys(("chosen_reward", "rejected_reward", "margin", "preference"))
    margin = chosen - rejected
    preference = 1 / (1 + math.exp(-margin)) if margin >= 0 else math.exp(margin) / (1 + math.exp(margin))
    return {"chosen_reward": chosen, "rejected_reward": rejected, "margin": margin, "preference": preference}
