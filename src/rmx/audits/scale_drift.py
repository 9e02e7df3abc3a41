"""A19: has the scale moved against another scorer of the same texts, for example the previous checkpoint?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.scale import both_sides
from rmx.audits.statistics import FEW_GROUPS, Clusters, Interval, mean_interval, t_interval
from rmx.domain import AuditResult

__all__ = ["ScaleDrift"]


@dataclass(frozen=True, kw_only=True)
class ScaleDrift(Audit):
    """Affine fit of the rewards on the reference's rewards: slope, and mean shift in reference deviations.

    A KL coefficient tuned for the reference is stale where the slope leaves about [0.8, 1.25].
    """

    against: str = "reference"
    """The other scorer, on the same pairs."""

    name: ClassVar[str] = "scale_drift"
    metrics: ClassVar[tuple[str, ...]] = ("slope", "shift_sd")
    reads_folds = "never"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has the share of pairs that both order alike."""
        view, other = evidence.view(slice, scorer), evidence.view(slice, self.against)
        if view.pair_ids != other.pair_ids:
            raise UnavailableError(f"{scorer} and {self.against} did not score the same pairs of slice {slice}")
        (rewards, groups), (before, _) = both_sides(view), both_sides(other)
        spread = float(before.std())
        if spread == 0:
            raise UnavailableError(f"all rewards of {self.against} on slice {slice} are equal")
        clusters = Clusters(groups)
        z = (before - before.mean()) / spread
        slope = float(z @ (rewards - rewards.mean())) / len(z) / spread
        residual = rewards - rewards.mean() - slope * spread * z
        facts: dict[str, Any] = {"slice": slice, "scorer": scorer, "n_pairs": len(view), "n_groups": view.n_groups}
        alike = float((np.sign(view.margins) == np.sign(other.margins)).mean())
        return [
            self.answer(
                "slope",
                _or_exact(t_interval(slope, z * residual / (len(z) * spread), clusters, null=1.0), clusters),
                null_value=1.0,
                detail={"against": self.against, "ordered_alike": alike},
                **facts,
            ),
            self.answer(
                "shift_sd",
                _or_exact(mean_interval((rewards - before) / spread, clusters, null=0.0), clusters),
                null_value=0.0,
                **facts,
            ),
        ]


def _or_exact(interval: Interval, clusters: Clusters) -> Interval:
    """Return the point where many groups lie on one line without error: the same model, or one times a constant.

    Unlike a mean of a population, rewards that are reproduced to the last digit are no accident of the sample.
    """
    if interval.low is not None or clusters.count < FEW_GROUPS:
        return interval
    return replace(
        interval, low=interval.estimate, high=interval.estimate, method="exact fit, no residual", standard_error=0.0
    )
