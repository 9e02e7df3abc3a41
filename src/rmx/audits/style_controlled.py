"""A6iii: does the margin go with style in the data, the label held fixed? Observational: style may go with quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, Interval, fit_logistic, t_interval
from rmx.audits.tags import number_tags
from rmx.data.style import STYLE_FEATURES
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["StyleControlled"]

Floats = NDArray[np.float64]
FEATURES = ("length", *STYLE_FEATURES)


@dataclass(frozen=True, kw_only=True)
class StyleControlled(Audit):
    """How margin and label go with length, headers, bold and lists. Observational: it shows no bias and excludes none.

    x = (count of chosen - count of rejected) / (their sum), 0 where neither has any, divided by its root mean square,
    as in Arena's style control (lmsys.org/blog/2024-08-28-style-control). `…_slope_sd`: least squares of d/sd(d) on all
    x and the label, every pair read from both sides. `…_log_odds`: Bradley-Terry, P(label) = σ(β d/sd(d) + γ·x); γ > 0
    where labels like the style more than the reward does, γ < 0 where less. Intervals are cluster-robust.

    Reads chosen_tokens and rejected_tokens, and tags chosen_headers, rejected_headers, …_bold and …_lists.
    """

    name: ClassVar[str] = "style_controlled"
    metrics: ClassVar[tuple[str, ...]] = tuple(f"{f}_{kind}" for kind in ("slope_sd", "log_odds") for f in FEATURES)
    reads_folds = "standardised"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` says what else was in the regression."""
        view = evidence.view(slice, scorer)
        features = {name: x for name, x in _features(view).items() if x.any()}
        spread = float(view.margins.std())
        if not features or spread == 0:
            raise UnavailableError(f"margins or styles of slice {slice} do not vary")
        features = {name: x / np.sqrt((x**2).mean()) for name, x in features.items()}
        clusters = Clusters(view.group_codes)
        margin = view.margins / spread
        design = np.column_stack([*features.values(), np.ones(len(view))])
        # Read from both sides the label is ±1 and its column odd like the others: one side with an intercept is enough.
        found = dict(zip(features, _slopes(design, margin, clusters), strict=False))
        terms = np.column_stack([*features.values(), margin])
        odds = dict(zip(features, _log_odds(terms, clusters), strict=False))
        results = []
        for metric in self.metrics:
            name, _, kind = metric.partition("_")
            interval = (found if kind == "slope_sd" else odds).get(name)
            facts: dict[str, Any] = {"slice": slice, "scorer": scorer}
            if interval is None:
                reason = f"{name} of the two sides never differ" if name not in features else "separates the labels"
                results.append(self.unanswered(metric, reason=reason, **facts))
                continue
            detail = {"observational": True, "adjusted_for": [other for other in features if other != name]}
            facts |= {"n_pairs": len(view), "n_groups": view.n_groups, "null_value": 0.0}
            results.append(self.answer(metric, interval, detail=detail, **facts))
        return results


def _features(view: ScoreView) -> dict[str, Floats]:
    """Return the relative difference of each feature, chosen minus rejected, (pairs,)."""
    if view.chosen_tokens is None or view.rejected_tokens is None:
        raise UnavailableError("not_provided", f"no chosen_tokens and rejected_tokens of every pair of {view.slice}")
    counts = {"length": (view.chosen_tokens.astype(np.float64), view.rejected_tokens.astype(np.float64))}
    names = [f"{side}_{name}" for name in STYLE_FEATURES for side in ("chosen", "rejected")]
    columns = number_tags(view, *names)
    counts |= dict(zip(STYLE_FEATURES, zip(columns[::2], columns[1::2], strict=True), strict=True))
    return {name: (mine - other) / np.maximum(mine + other, 1) for name, (mine, other) in counts.items()}


def _slopes(design: Floats, target: Floats, clusters: Clusters) -> list[Interval]:
    """Return the least-squares coefficients."""
    bread = np.linalg.pinv(design.T @ design)
    coefficients = bread @ design.T @ target
    influence = (target - design @ coefficients)[:, None] * (design @ bread)
    return _intervals(coefficients, influence, clusters)


def _log_odds(terms: Floats, clusters: Clusters) -> list[Interval]:
    """Return the Bradley-Terry coefficients; none where the terms separate the labels."""
    # Every term is chosen minus rejected, and the chosen side is the one that the label names.
    fitted = fit_logistic(terms, np.ones(len(terms)))
    return [] if fitted is None else _intervals(fitted.coefficients, fitted.influence, clusters)


def _intervals(coefficients: Floats, influence: Floats, clusters: Clusters) -> list[Interval]:
    return [
        t_interval(float(value), column, clusters, null=0.0, size=1.0)
        for value, column in zip(coefficients, influence.T, strict=True)
    ]
