"""A2: which of two scorers orders more pairs as the labels do, on the same pairs?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, Interval, mid_p, paired_difference
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["Paired", "paired_gain"]


def paired_gain(first: ScoreView, second: ScoreView) -> Interval:
    """Return accuracy of `first` minus accuracy of `second` on their pairs, which must be the same.

    The p-value is McNemar's mid-p where every group has one pair, else that of the cluster-robust t.

    Raises:
        UnavailableError: The scorers did not score the same pairs.
    """
    if first.pair_ids != second.pair_ids:
        raise UnavailableError(
            f"{first.scorer} and {second.scorer} did not score the same pairs of slice {first.slice}"
        )
    clusters = Clusters(first.group_codes)
    interval = paired_difference(first.wins - second.wins, clusters)
    return replace(interval, p_value=mid_p(first.wins, second.wins)) if clusters.single else interval


@dataclass(frozen=True, kw_only=True)
class Paired(Audit):
    """Accuracy of the scorer minus accuracy of another on the same pairs; above zero the scorer is better."""

    against: str = "reference"
    """The other scorer, for example the previous release scored into the same table."""

    name: ClassVar[str] = "paired"
    metrics: ClassVar[tuple[str, ...]] = ("difference",)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has both accuracies and the discordant pairs."""
        mine, other = evidence.view(slice, scorer), evidence.view(slice, self.against)
        difference = mine.wins - other.wins
        return [
            self.answer(
                "difference",
                paired_gain(mine, other),
                slice=slice,
                scorer=scorer,
                n_pairs=len(mine),
                n_groups=mine.n_groups,
                null_value=0.0,
                detail={
                    "against": self.against,
                    "accuracy": float(mine.wins.mean()),
                    "accuracy_against": float(other.wins.mean()),
                    "better": int(np.count_nonzero(difference > 0)),
                    "worse": int(np.count_nonzero(difference < 0)),
                },
            )
        ]
