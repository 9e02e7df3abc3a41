"""One scorer's rows of a score table as plain arrays, which is what audits and plots read."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ScoreView"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreView:
    """Rows of one scorer on one slice, sorted by pair_id; every array has shape (pairs,).

    Rewards and margins may hold NaN or infinities where the scorer gave them; nothing is left out.
    """

    slice: str
    scorer: str
    pair_ids: list[str]
    group_codes: NDArray[np.int64]
    """Number of the pair's group, an index into `group_names`."""
    group_names: list[str]
    """Distinct groups, sorted."""
    margins: Floats
    """Reward of the chosen minus reward of the rejected completion."""
    chosen: Floats | None
    """Rewards of the chosen completions; None for a pairwise judge."""
    rejected: Floats | None
    chosen_tokens: NDArray[np.int64] | None
    """Tokens of the chosen completion; None where the table lacks the length of any pair."""
    rejected_tokens: NDArray[np.int64] | None
    agreement: Floats
    """Votes for chosen divided by all votes; NaN where not given."""
    strength: Floats
    """Label strength as published; NaN where not given."""
    chosen_ids: list[str | None]
    """Candidate of each chosen completion; None where the table does not say."""
    rejected_ids: list[str | None]
    label_sources: list[str]
    tags_json: list[str]
    """JSON object per pair; empty where not given."""

    def __len__(self) -> int:
        return len(self.pair_ids)

    @property
    def n_groups(self) -> int:
        """Number of distinct groups."""
        return len(self.group_names)

    @property
    def wins(self) -> Floats:
        """1 where chosen scores higher, 0.5 on an exact tie, 0 otherwise."""
        return (np.sign(self.margins) + 1) / 2

    def tags(self) -> list[dict[str, str]]:
        """Return the tags of every pair, parsed."""
        return [json.loads(text) if text else {} for text in self.tags_json]
