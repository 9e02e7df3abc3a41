"""A1: how often does the scorer order a pair as the label does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import EVERY, Audit
from rmx.audits.evidence import Evidence
from rmx.audits.statistics import Clusters, Interval, proportion_interval
from rmx.domain import AuditResult

__all__ = ["Accuracy", "accuracy_interval", "describe_accuracy"]


def accuracy_interval(wins: NDArray[np.float64], groups: NDArray[np.int64]) -> Interval:
    """Return the interval of mean wins (1, 0.5 for a tie, 0), pairs clustered by group."""
    mean = float(wins.mean())
    return proportion_interval(mean, (wins - mean) / len(wins), Clusters(groups))


def describe_accuracy(wins: NDArray[np.float64], groups: NDArray[np.int64]) -> dict[str, Any]:
    """Return number of pairs, accuracy and interval of some pairs, for the `detail` of a result."""
    interval = accuracy_interval(wins, groups)
    return {
        "n_pairs": len(wins),
        "accuracy": interval.estimate,
        "ci_low": interval.low,
        "ci_high": interval.high,
    }


@dataclass(frozen=True, kw_only=True)
class Accuracy(Audit):
    """Share of pairs whose chosen completion scores higher, ties counted one half; chance is one half."""

    scorers: tuple[str, ...] = (EVERY,)

    name: ClassVar[str] = "accuracy"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has the number of ties."""
        view = evidence.view(slice, scorer)
        return [
            self.answer(
                "accuracy",
                accuracy_interval(view.wins, view.group_codes),
                slice=slice,
                scorer=scorer,
                n_pairs=len(view),
                n_groups=view.n_groups,
                null_value=0.5,
                detail={"ties": int((view.margins == 0).sum())},
            )
        ]
