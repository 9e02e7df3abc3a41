"""A5b: does the margin go with length in the data? Observational: it may, because length goes with quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.lengths import log_length_ratio
from rmx.audits.statistics import Clusters, Interval, t_interval
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["LengthObservational"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LengthObservational(Audit):
    """Slope of the margin on the log length ratio, and accuracy where longer was chosen minus where shorter was.

    Neither shows a bias nor excludes one: a planted length bias can raise every accuracy.
    """

    name: ClassVar[str] = "length_observational"
    metrics: ClassVar[tuple[str, ...]] = ("slope_sd", "accuracy_gap")
    reads_folds = "standardised"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` says what the slope was adjusted for."""
        view = evidence.view(slice, scorer)
        ratio = log_length_ratio(view)
        facts: dict[str, Any] = {
            "slice": slice,
            "scorer": scorer,
            "n_pairs": len(view),
            "n_groups": view.n_groups,
            "null_value": 0.0,
        }
        slope, adjusted = _slope(view, ratio)
        detail = {"observational": True, "adjusted_for": adjusted, "longer_chosen": float((ratio > 0).mean())}
        return [
            self.answer("slope_sd", slope, detail=detail, **facts),
            self.answer("accuracy_gap", _gap(view, ratio), detail={"observational": True}, **facts),
        ]


def _slope(view: ScoreView, ratio: Floats) -> tuple[Interval, list[str]]:
    """Return the least-squares slope in deviations of the margin per deviation of the log length ratio."""
    controls = {
        name: values
        for name, values in (("strength", view.strength), ("agreement", view.agreement))
        if np.isfinite(values).all() and values.std() > 0
    }
    spread = float(view.margins.std())
    if ratio.std() == 0 or spread == 0:
        raise UnavailableError(f"lengths or margins of slice {view.slice} do not vary")
    columns = [np.ones(len(view)), (ratio - ratio.mean()) / ratio.std()]
    columns += [(values - values.mean()) / values.std() for values in controls.values()]
    design = np.column_stack(columns)
    bread = np.linalg.pinv(design.T @ design)
    target = view.margins / spread
    coefficients = bread @ design.T @ target
    influence = (target - design @ coefficients) * (design @ bread[1])
    return t_interval(float(coefficients[1]), influence, Clusters(view.group_codes), null=0.0), list(controls)


def _gap(view: ScoreView, ratio: Floats) -> Interval:
    longer, shorter = ratio > 0, ratio < 0
    if not longer.any() or not shorter.any():
        raise UnavailableError(
            f"slice {view.slice} has no pairs with the {'shorter' if longer.any() else 'longer'} one chosen"
        )
    influence, weights = np.zeros(len(view)), np.zeros(len(view))
    gap = 0.0
    for part, sign in ((longer, 1), (shorter, -1)):
        mean = float(view.wins[part].mean())
        gap += sign * mean
        weights[part] = 1 / part.sum()
        influence[part] = sign * weights[part] * (view.wins[part] - mean)
    return t_interval(gap, influence, Clusters(view.group_codes), weights=weights, null=0.0)
