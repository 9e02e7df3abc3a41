"""Score a file of prompts and completions row by row: streaming, resumable, whole or not at all under its name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rmx.data.files import content_hash, file_rows
from rmx.data.row_stream import Row, RowSummary, map_rows, row_id
from rmx.domain import Candidate, Message
from rmx.score_table import candidate_id
from rmx.scorers.base import TextScorer
from rmx.scorers.calibrated import RewardScale
from rmx.scorers.prompts import as_completion, as_prompt

__all__ = ["Batch", "score_stream"]

_RAW = RewardScale(None, None, temperature=1.0)
"""Margins taken as the log-odds that Bradley-Terry trains them to be."""


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


def score_stream(scorer: TextScorer, source: Path, target: Path, *, scale: RewardScale | None = None) -> RowSummary:
    """Write a JSON line with `id` and `reward` for each row with `id`, `prompt` and `completion`.

    Rows with `chosen` and `rejected` in place of `completion` get `chosen_reward`, `rejected_reward`, their `margin`
    and `preference`, the probability σ(margin).

    With a `scale` every reward stands beside its normalised one (`reward_normalised`, `chosen_reward_normalised`, ...),
    `preference` is the calibrated σ(margin / T), and a row with a `reference` beside its `completion` has that too: how
    likely the completion is preferred to the reference, with `reference_reward`.

    A text that the scorer cannot score (too long, a control token in it)
    gets null and a `reason`. Until it is complete the output is called TARGET.partial; a later call with the same model
    and input continues it.

    Args:
        scorer: The loaded model, or any other scorer of texts.
        source: JSONL, CSV or Parquet, the text formats also gzipped.
        target: Must not exist.
        scale: Of the scorer, where calibrated and normalised numbers are wanted.

    Raises:
        ModelError: The scale lacks a number that is wanted.
        DataError: The input is damaged or lacks a field, or the output exists, or a partial one is of another model or
            input.
    """
    if scale is not None:
        scale.normalise(())  # refused before anything is written
    # The lines of the two are not to be mixed in one file.
    identity = scorer.identity if scale is None else f"{scorer.identity}, normalised"
    job = {"reward model": identity, "input": content_hash([source])}
    return map_rows(file_rows(source), target, job, lambda rows: _score(scorer, rows, scale))


def _score(scorer: TextScorer, chunk: Sequence[Row], scale: RewardScale | None) -> Iterator[dict[str, Any]]:
    batch = Batch()
    parts: list[tuple[str | int, dict[str, str]]] = []
    for origin, row in chunk:
        identity = row_id(origin, row)
        prompt = as_prompt(row, "prompt", origin)
        names = _columns(row, with_reference=scale is not None)
        texts = {column: batch.add(prompt, as_completion(row, name, origin)) for column, name in names.items()}
        parts.append((identity, texts))
    rewards, reasons = batch.score(scorer)
    for identity, texts in parts:
        wrong = next((reasons[text] for text in texts.values() if text in reasons), None)
        values = {column: None if wrong else rewards[text] for column, text in texts.items()}
        yield {"id": identity, **_line(values, scale), **({"reason": wrong} if wrong else {})}


def _columns(row: Mapping[str, Any], *, with_reference: bool) -> dict[str, str]:
    """Return what is to be scored of a row: the column to write, and the one to read."""
    if "completion" not in row and "chosen" in row:
        return {"chosen_reward": "chosen", "rejected_reward": "rejected"}
    if with_reference and row.get("reference") is not None:
        return {"reward": "completion", "reference_reward": "reference"}
    return {"reward": "completion"}


def _line(values: Mapping[str, float | None], scale: RewardScale | None) -> dict[str, float | None]:
    """Return the fields of a line from its rewards, all of them None where one is."""
    line: dict[str, float | None] = dict(values)
    rewards = [value for value in values.values() if value is not None]
    scored = len(rewards) == len(values)
    if len(values) == 2:
        margin = rewards[0] - rewards[1] if scored else None
        line["margin"] = margin
        line["preference"] = None if margin is None else float((scale or _RAW).preference(margin, 0.0))
    if scale is not None:
        normal = scale.normalise(rewards).tolist() if scored else [None] * len(values)
        line |= {f"{column}_normalised": value for column, value in zip(values, normal, strict=True)}
    return line
