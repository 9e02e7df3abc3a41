"""Scores as data: candidates (one row per unique text and scorer), comparisons, and their join, the ScoreTable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rmx.domain import Message, PreferencePair
from rmx.errors import DataError

__all__ = ["CANDIDATE_COLUMNS", "SCORE_COLUMNS", "Comparisons", "ScoreTable", "candidate_id", "join_scores"]

CANDIDATE_COLUMNS = pa.schema(
    [
        ("slice", pa.string()),
        ("group", pa.string()),
        ("candidate_id", pa.string()),
        ("scorer", pa.string()),
        ("reward", pa.float64()),
        ("tokens", pa.int64()),
        ("gold", pa.float64()),
        ("probe", pa.string()),
        ("variant", pa.string()),
        ("source_id", pa.string()),
    ]
)
"""Schema of a candidates table. `probe` is empty for an original text; an edited text names its probe, its variant and,
in `source_id`, the candidate it was made from."""

SCORE_COLUMNS = pa.schema(
    [
        ("pair_id", pa.string()),
        ("group", pa.string()),
        ("slice", pa.string()),
        ("scorer", pa.string()),
        ("chosen_reward", pa.float64()),
        ("rejected_reward", pa.float64()),
        ("chosen_tokens", pa.int64()),
        ("rejected_tokens", pa.int64()),
        ("prompt_tokens", pa.int64()),
        ("agreement", pa.float64()),
        ("strength", pa.float64()),
        ("label_source", pa.string()),
        ("tags", pa.string()),
    ]
)
"""Schema of a ScoreTable; only pair_id, group, chosen_reward and rejected_reward are required of a foreign file."""


def candidate_id(prompt: Sequence[Message], completion: str) -> str:
    """Return the id of a text: equal prompts and completions have equal ids in every slice and run."""
    payload = json.dumps([[m.role, m.content] for m in prompt] + [completion], ensure_ascii=True)
    return hashlib.sha256(payload.encode()).hexdigest()[:20]
