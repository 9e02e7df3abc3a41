"""A3: how far apart does the scorer put chosen and rejected?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.accuracy import describe_accuracy
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.audits.statistics import Clusters, bootstrap, percentile_interval, proportion_interval, weighted_quantiles
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["Margin"]

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Margin(Audit):
    """Quantiles of the margin, and the shares that are close and confidently wrong.

    Margins have the scorer's own scale: a larger one is not better, and two scorers are not comparable by it.
    """

    near: float = 0.1
    """A pair is close if its margin is nearer to zero than this."""
    wrong: float = 2.0
    """A pair is confidently wrong if its margin is below minus this: odds of more than 7 to 1 for the wrong side."""
    draws: int = 2000
    seed: int = 0

    name: ClassVar[str] = "margin"
    metrics: ClassVar[tuple[str, ...]] = (*QUANTILES, "near_share", "wrong_share")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has mean, deviation, skewness and accuracy by label strength."""
        view = evidence.view(slice, scorer)
        margins, clusters = view.margins, Clusters(view.group_codes)
        probabilities = np.array(list(QUANTILES.values()))
        quantiles_of = weighted_quantiles(margins, probabilities)
        estimates = quantiles_of(np.ones(len(margins)))
        replicates = bootstrap(quantiles_of, clusters, draws=self.draws, seed=self.seed)
        intervals = {
            name: percentile_interval(
                float(estimates[k]),
                replicates[:, k],
                clusters,
                draws=self.draws,
                seed=self.seed,
                probability=probability,
            )
            for k, (name, probability) in enumerate(QUANTILES.items())
        }
        for name, hit in (("near_share", np.abs(margins) < self.near), ("wrong_share", margins < -self.wrong)):
            share = float(hit.mean())
            intervals[name] = proportion_interval(share, (hit - share) / len(hit), clusters)
        size: dict[str, Any] = {"n_pairs": len(view), "n_groups": view.n_groups}
        detail = _describe(view)
        return [
            self.answer(n, intervals[n], slice=slice, scorer=scorer, detail=detail if n == "median" else None, **size)
            for n in self.metrics
        ]


def _describe(view: ScoreView) -> dict[str, Any]:
    margins = view.margins
    spread = float(margins.std())
    centred = margins - margins.mean()
    return {
        "mean": float(margins.mean()),
        "sd": spread,
        "skewness": float((centred**3).mean() / spread**3) if spread > 0 else None,
        "by_strength": _by_strength(view),
    }


def _by_strength(view: ScoreView) -> list[dict[str, Any]]:
    """Return accuracy with interval within levels of label strength, or quarters where there are many levels."""
    known = np.flatnonzero(np.isfinite(view.strength))
    if len(known) == 0:
        return []
    strength = view.strength[known]
    levels = np.unique(strength)
    edges = levels if len(levels) <= 6 else np.unique(np.quantile(strength, [0, 0.25, 0.5, 0.75]))
    member = np.searchsorted(edges, strength, side="right") - 1
    return [
        {
            "from": float(strength[member == k].min()),
            "to": float(strength[member == k].max()),
            **describe_accuracy(view.wins[known[member == k]], view.group_codes[known[member == k]]),
        }
        # An interpolated quarter may hold no pair where strengths crowd at one value.
        for k in np.unique(member)
    ]
