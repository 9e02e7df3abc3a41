"""One scorer's rewards on one slice as plain arrays, which is what plots and sentences read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rmx.score_table import ScoreTable

__all__ = ["Scored", "scored"]


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of a ScoreTable whose rewards are both finite; all arrays have shape (pairs,)."""

    slice: str
    scorer: str
    pair_ids: list[str]
    groups: list[str]
    tags: list[str]
    chosen: NDArray[np.float64]
    rejected: NDArray[np.float64]
    chosen_tokens: NDArray[np.int64] | None
    """Tokens of the chosen completion; None where the table gives no lengths."""
    rejected_tokens: NDArray[np.int64] | None
    not_finite: int
    """Rows left out because a reward is NaN or infinite."""

    @property
    def margins(self) -> NDArray[np.float64]:
        """Reward of the chosen minus reward of the rejected completion."""
        return self.chosen - self.rejected


def scored(table: ScoreTable, slice_name: str, scorer: str) -> Scored | None:
    """Return the rows of one scorer, or None where it scored no pair of the table."""
    columns = table.table.to_pydict()
    mine = np.flatnonzero(np.array([name == scorer for name in columns["scorer"]], dtype=bool))
    rewards = {
        side: np.array([np.nan if columns[side][i] is None else columns[side][i] for i in mine], dtype=np.float64)
        for side in ("chosen_reward", "rejected_reward")
    }
    finite = np.isfinite(rewards["chosen_reward"]) & np.isfinite(rewards["rejected_reward"])
    kept = mine[finite]
    if len(mine) == 0:
        return None

    def text(name: str) -> list[str]:
        return [columns[name][i] or "" for i in kept]

    def tokens(name: str) -> NDArray[np.int64] | None:
        lengths = np.array([columns[name][i] or 0 for i in kept], dtype=np.int64)
        return lengths if (lengths > 0).any() else None

    return Scored(
        slice=slice_name,
        scorer=scorer,
        pair_ids=text("pair_id"),
        groups=text("group"),
        tags=text("tags"),
        chosen=rewards["chosen_reward"][finite],
        rejected=rewards["rejected_reward"][finite],
        chosen_tokens=tokens("chosen_tokens"),
        rejected_tokens=tokens("rejected_tokens"),
        not_finite=int((~finite).sum()),
    )
