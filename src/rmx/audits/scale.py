"""A19: where do the rewards lie, and how wide are they spread?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, Interval, mean_interval, t_interval
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["Scale", "both_sides"]

Floats = NDArray[np.float64]


def both_sides(view: ScoreView) -> tuple[Floats, NDArray[np.int64]]:
    """Return the rewards of all chosen, then all rejected completions, shape (2 pairs,), and their groups.

    Raises:
        UnavailableError: The scorer compares texts and has no level.
    """
    if view.chosen is None or view.rejected is None:
        raise UnavailableError("not_applicable", f"{view.scorer} gives margins only and has no level")
    return np.concatenate([view.chosen, view.rejected]), np.concatenate([view.group_codes, view.group_codes])


@dataclass(frozen=True, kw_only=True)
class Scale(Audit):
    """Mean and deviation of the rewards, and deviation of the margins.

    A shift of all rewards changes none of the other audits; a factor changes calibration and shares of fixed width,
    not accuracy. KL penalties and margins set for one scale are stale on another.
    """

    name: ClassVar[str] = "scale"
    metrics: ClassVar[tuple[str, ...]] = ("mean_reward", "reward_sd", "margin_sd")
    reads_folds = "never"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer."""
        view = evidence.view(slice, scorer)
        rewards, groups = both_sides(view)
        intervals = {
            "mean_reward": mean_interval(rewards, Clusters(groups)),
            "reward_sd": _deviation(rewards, Clusters(groups)),
            "margin_sd": _deviation(view.margins, Clusters(view.group_codes)),
        }
        return [
            self.answer(name, interval, slice=slice, scorer=scorer, n_pairs=len(view), n_groups=view.n_groups)
            for name, interval in intervals.items()
        ]


def _deviation(values: Floats, clusters: Clusters) -> Interval:
    """Return the interval of a standard deviation by the delta method."""
    spread = float(values.std())
    if spread == 0:
        return t_interval(0.0, np.zeros(len(values)), clusters)
    squares = (values - values.mean()) ** 2
    return t_interval(spread, (squares - spread**2) / (2 * spread * len(values)), clusters)
