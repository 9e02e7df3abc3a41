"""Kind `table`: rewards that something else has given, from a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rmx.data.files import content_hash, expand_paths, file_rows
from rmx.domain import Candidate, Origin
from rmx.errors import DataError
from rmx.score_table import candidate_id
from rmx.scorers.base import MISSING, Scored
from rmx.scorers.kind import ScorerKind, Surroundings
from rmx.scorers.prompts import as_completion, as_prompt

__all__ = ["RewardTable", "Table", "row_key"]


@dataclass(frozen=True, kw_only=True)
class Table(ScorerKind):
    """A row has `candidate_id`, or `prompt` (text or messages) and `completion`; and `reward`."""

    path: Any
    """File, list of files or glob: JSONL, CSV or Parquet."""
    reward: str = "reward"
    """Column of the reward."""
    scorer: str | None = None
    """Of a candidates table with several scorers (scores/SLICE.candidates.parquet), the one whose rows are read."""

    kind: ClassVar[str] = "table"

    @property
    def subject(self) -> str:
        """The files."""
        return str(self.path)

    def load(self, around: Surroundings) -> RewardTable:
        """Read the whole file.

        Raises:
            DataError: A row without a key or with a reward that is no number, or two rewards of one text.
        """
        files = expand_paths(self.path)
        rewards: dict[str, float] = {}
        for file in files:
            for origin, row in file_rows(file):
                if self.scorer is None or row.get("scorer") == self.scorer:
                    self._add(rewards, row, origin)
        if not rewards:
            raise DataError(f"{self.path}: no row has a reward; mend scorer.table.path or scorer.table.scorer")
        return RewardTable(rewards, str(self.path), f"table/{content_hash(files)}/{self.reward}/{self.scorer}")

    def _add(self, rewards: dict[str, float], row: Mapping[str, Any], origin: Origin) -> None:
        key, reward = row_key(row, origin), _number(row, self.reward, origin)
        known = rewards.setdefault(key, reward)
        if known != reward and not (math.isnan(known) and math.isnan(reward)):
            raise DataError(
                f"{origin.file} row {origin.row}: candidate {key} has {self.reward} {reward:g} here and {known:g} "
                "before; keep one of them, or name the scorer whose rows are meant with scorer.table.scorer"
            )


class RewardTable:
    """Rewards by candidate id."""

    def __init__(self, rewards: Mapping[str, float], name: str, identity: str) -> None:
        self.rewards = rewards
        self.name = name
        self.identity = identity
        self.flags: tuple[str, ...] = ()

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return the rewards of n candidates; those that stand not in the table have the reason `missing`."""
        values = [self.rewards.get(c.candidate_id, math.nan) for c in candidates]
        reason = f"{MISSING}: no row of {self.name}"
        missing = {i: reason for i, c in enumerate(candidates) if c.candidate_id not in self.rewards}
        return Scored(np.array(values, np.float64), missing)


def row_key(row: Mapping[str, Any], origin: Origin) -> str:
    """Return the candidate id that a row names, or that of its prompt and completion.

    Raises:
        DataError: It has neither.
    """
    identity = row.get("candidate_id")
    if isinstance(identity, str) and identity:
        return identity
    if "completion" not in row:
        raise DataError(
            f"{origin.file} row {origin.row}: has neither candidate_id nor prompt and completion; "
            f"it has {', '.join(map(str, row))}"
        )
    return candidate_id(as_prompt(row, "prompt", origin), as_completion(row, "completion", origin))


def _number(row: Mapping[str, Any], column: str, origin: Origin) -> float:
    value = row.get(column)
    try:
        if isinstance(value, bool) or value is None:
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"{origin.file} row {origin.row}: column {column!r} holds {value!r}, no number; "
            "mend the row or set scorer.table.reward"
        ) from None
