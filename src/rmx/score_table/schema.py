"""The columns of candidates, comparisons and score tables, and the id of a text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from rmx.domain import Message

__all__ = [
    "CANDIDATE_COLUMNS",
    "COMPARISON_COLUMNS",
    "PAIRWISE_COLUMNS",
    "SCORE_COLUMNS",
    "WHEN_NULL",
    "candidate_id",
    "prompt_id",
]

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
        ("prompt_id", pa.string()),
        ("count", pa.int64()),
        ("label_source", pa.string()),
    ]
)
"""Schema of a candidates table. `probe` is empty for an original text; an edited text names its probe, its variant and,
in `source_id`, the candidate it was made from. In a slice of samples `count` says how often the text was drawn for its
prompt; elsewhere it is null. `label_source` says whose judgement `gold` is."""

COMPARISON_COLUMNS = pa.schema(
    [
        ("pair_id", pa.string()),
        ("group", pa.string()),
        ("slice", pa.string()),
        ("chosen_id", pa.string()),
        ("rejected_id", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("agreement", pa.float64()),
        ("strength", pa.float64()),
        ("label_source", pa.string()),
        ("tags", pa.string()),
    ]
)
"""Schema of the static side of a slice: which candidate was chosen over which. `tags` is a JSON object."""

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
        ("chosen_id", pa.string()),
        ("rejected_id", pa.string()),
    ]
)
"""Schema of a ScoreTable; only pair_id, group, chosen_reward and rejected_reward are required of a foreign file. The
two ids name the pair's candidates, so that audits find a pair's edited texts."""

PAIRWISE_COLUMNS = pa.schema(
    [pa.field("margin", pa.float64()) if field.name == "chosen_reward" else field for field in SCORE_COLUMNS]
).remove(SCORE_COLUMNS.get_field_index("rejected_reward"))
"""Schema of the ScoreTable of a pairwise judge: `margin` in the place of the two rewards, which it does not have."""

WHEN_NULL = {"label_source": "unknown", "tags": "", "probe": "", "variant": "", "source_id": "", "prompt_id": ""}
"""What a missing text means, so that the same content is the same rows in every format."""


def candidate_id(prompt: Sequence[Message], completion: str) -> str:
    """Return the id of a text: equal prompts and completions have equal ids in every slice and run."""
    return _hash([[m.role, m.content] for m in prompt] + [completion])


def prompt_id(prompt: Sequence[Message]) -> str:
    """Return the id of a prompt: rewards are only comparable within one."""
    return _hash([[m.role, m.content] for m in prompt])


def _hash(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()[:20]
