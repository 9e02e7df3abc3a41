"""Score a file of prompts and completions row by row: streaming, resumable, whole or not at all under its name."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rmx.data.files import content_hash, file_rows
from rmx.domain import Candidate, Origin
from rmx.errors import DataError
from rmx.score_table import candidate_id
from rmx.scorers.base import TextScorer
from rmx.scorers.prompts import as_completion, as_prompt

__all__ = ["StreamSummary", "score_stream"]

_CHUNK = 256
"""Rows between two writes: what a kill can cost."""

Row = tuple[Origin, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """What a scoring did."""

    rows: int
    resumed: int
    """Rows that an earlier, interrupted scoring had already written."""
    refused: Mapping[str, int]
    """Rows without a reward, by reason; they stand in the output with null and the reason."""


def score_stream(scorer: TextScorer, source: Path, target: Path) -> StreamSummary:
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
    if target.exists():
        raise DataError(f"{target}: exists already; delete it or choose another output")
    partial = target.with_name(target.name + ".partial")
    state = target.with_name(target.name + ".partial.json")
    job = {"reward": scorer.identity, "input": content_hash([source])}
    try:
        resumed, refused = _resume(partial, state, job)
        total = resumed
        with partial.open("a", encoding="utf-8") as stream:
            rows = islice(_checked(file_rows(source)), resumed, None)
            while chunk := list(islice(rows, _CHUNK)):
                for line in _score(scorer, chunk):
                    _count(refused, line)
                    stream.write(json.dumps(line, ensure_ascii=False) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
                total += len(chunk)
        partial.replace(target)
        state.unlink()
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error}); choose another output") from error
    return StreamSummary(total, resumed, refused)


def _resume(partial: Path, state: Path, job: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    """Cut a partial output after its last whole line; return its rows and how many were refused by reason."""
    refused: dict[str, int] = {}
    if not partial.exists():
        partial.parent.mkdir(parents=True, exist_ok=True)
        state.write_text(json.dumps(job), encoding="utf-8")
        return 0, refused
    known = json.loads(state.read_text(encoding="utf-8")) if state.exists() else {}
    if known != job:
        what = "input" if known.get("reward") == job["reward"] else "reward model"
        raise DataError(f"{partial}: was begun with another {what}; delete it, or finish it with that one")
    rows, size = 0, 0
    with partial.open("rb") as stream:
        for raw in stream:
            if not raw.endswith(b"\n"):
                break
            rows, size = rows + 1, size + len(raw)
            _count(refused, json.loads(raw))
    with partial.open("r+b") as stream:
        stream.truncate(size)
    return rows, refused


def _count(refused: dict[str, int], line: Mapping[str, Any]) -> None:
    if "reason" in line:
        code = line["reason"].partition(":")[0]
        refused[code] = refused.get(code, 0) + 1


def _checked(rows: Iterable[Row]) -> Iterator[Row]:
    for origin, row in rows:
        identity = row.get("id")
        if isinstance(identity, bool) or not isinstance(identity, str | int):
            raise DataError(f"{origin.file} row {origin.row}: field 'id' must be a text or a whole number")
        yield origin, row


def _score(scorer: TextScorer, chunk: list[Row]) -> Iterator[dict[str, Any]]:
    texts: dict[str, Candidate] = {}
    parts: list[tuple[dict[str, Any], tuple[str, ...]]] = []
    for origin, row in chunk:
        prompt = as_prompt(row, "prompt", origin)
        names = ("chosen", "rejected") if "completion" not in row and "chosen" in row else ("completion",)
        wanted = []
        for name in names:
            completion = as_completion(row, name, origin)
            wanted.append(candidate_id(prompt, completion))
            texts.setdefault(wanted[-1], Candidate(wanted[-1], prompt, completion))
        parts.append((row, tuple(wanted)))
    scored = scorer.score_texts(list(texts.values()))
    number = {identity: i for i, identity in enumerate(texts)}
    # JSON has no word for a number that is not finite.
    reasons = {i: f"not_finite: the scorer gave {v}" for i, v in enumerate(scored.values) if not math.isfinite(v)}
    reasons.update(scored.reasons)
    for row, members in parts:
        numbers = [number[identity] for identity in members]
        wrong = next((reasons[i] for i in numbers if i in reasons), None)
        values = [None if wrong else float(scored.values[i]) for i in numbers]
        yield {"id": row["id"], **_columns(values), **({"reason": wrong} if wrong else {})}


def _columns(values: list[float | None]) -> dict[str, float | None]:
    if len(values) == 1:
        return {"reward": values[0]}
    chosen, rejected = values
    if chosen is None or rejected is None:
        return dict.fromkeys(("chosen_reward", "rejected_reward", "margin", "preference"))
    margin = chosen - rejected
    preference = 1 / (1 + math.exp(-margin)) if margin >= 0 else math.exp(margin) / (1 + math.exp(margin))
    return {"chosen_reward": chosen, "rejected_reward": rejected, "margin": margin, "preference": preference}
