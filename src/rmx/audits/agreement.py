"""A12: does the scorer know which pairs people disagree about?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.accuracy import describe_accuracy
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, bootstrap, percentile_interval, ranker, weighted_correlation
from rmx.domain import AuditResult

__all__ = ["Agreement"]

Floats = NDArray[np.float64]
NULLS = {"spearman": 0.0, "divided_auroc": 0.5, "accuracy_gap": 0.0}


@dataclass(frozen=True, kw_only=True)
class Agreement(Audit):
    """How size of the margin and accuracy go with the agreement of the annotators.

    `spearman`: rank correlation of |margin| and |agreement - 1/2|. `divided_auroc`: chance that a divided pair has the
    smaller |margin| than a unanimous one. `accuracy_gap`: accuracy on unanimous minus on divided pairs.
    """

    pool: tuple[str, ...] = ("disputed",)
    """Slices whose pairs are added: divided votes are often kept apart from the judged slice."""
    draws: int = 2000
    seed: int = 0

    name: ClassVar[str] = "agreement"
    metrics: ClassVar[tuple[str, ...]] = ("spearman", "divided_auroc", "accuracy_gap")
    reads_folds = "standardised"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` of `accuracy_gap` has accuracy at each level of agreement."""
        pooled = [slice, *(name for name in self.pool if name in evidence.scores and name != slice)]
        views = [evidence.view(name, scorer) for name in pooled]
        agreement = np.concatenate([view.agreement for view in views])
        wins = np.concatenate([view.wins for view in views])
        size = np.abs(np.concatenate([view.margins for view in views]))
        names = np.concatenate([np.array(view.group_names, dtype=str)[view.group_codes] for view in views])
        if not np.isfinite(agreement).all():
            raise UnavailableError("not_provided", f"no agreement of every pair of slice {', '.join(pooled)}")
        if agreement.min() == agreement.max():
            raise UnavailableError("not_applicable", f"agreement does not vary within {', '.join(pooled)}")
        clusters = Clusters(names)
        statistic = _statistics(size, agreement, wins)
        estimates = statistic(np.ones(len(size)))
        replicates = bootstrap(statistic, clusters, draws=self.draws, seed=self.seed)
        levels = _levels(agreement, wins, clusters.codes)
        results = []
        for k, (metric, null) in enumerate(NULLS.items()):
            facts: dict[str, Any] = {"slice": slice, "scorer": scorer}
            if not np.isfinite(estimates[k]):
                reason = "needs both unanimous and divided pairs"
                results.append(self.unanswered(metric, reason=reason, **facts))
                continue
            interval = percentile_interval(
                float(estimates[k]), replicates[:, k], clusters, draws=self.draws, seed=self.seed
            )
            results.append(
                self.answer(
                    metric,
                    interval,
                    n_pairs=len(size),
                    n_groups=clusters.count,
                    null_value=null,
                    detail={"pooled": pooled, **({"levels": levels} if metric == "accuracy_gap" else {})},
                    **facts,
                )
            )
        return results


def _statistics(size: Floats, agreement: Floats, wins: Floats) -> Callable[[Floats], Floats]:
    """Return a function of weights (n,) giving the three metrics; NaN where one is undefined."""
    rank_size, rank_clarity = ranker(size), ranker(np.abs(agreement - 0.5))
    divided = agreement < 1

    def statistics(weights: Floats) -> Floats:
        ranks = rank_size(weights)
        apart, whole = weights * divided, weights * ~divided
        mass = apart.sum(), whole.sum()
        if not mass[0] or not mass[1]:
            return np.array([weighted_correlation(ranks, rank_clarity(weights), weights), np.nan, np.nan])
        # Mean ranks of the unanimous give the Mann-Whitney count, ties one half.
        above = (whole @ ranks / mass[1] - mass[1] / 2) / mass[0]
        gap = whole @ wins / mass[1] - apart @ wins / mass[0]
        return np.array([weighted_correlation(ranks, rank_clarity(weights), weights), above, gap])

    return statistics


def _levels(agreement: Floats, wins: Floats, groups: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return accuracy at each level of agreement, in five equal ranges where there are more than ten levels."""
    known = np.unique(agreement)
    edges = known if len(known) <= 10 else np.linspace(known[0], known[-1], 6)[:-1]
    member = np.searchsorted(edges, agreement, side="right") - 1
    return [
        {
            "from": float(agreement[member == k].min()),
            "to": float(agreement[member == k].max()),
            **describe_accuracy(wins[member == k], groups[member == k]),
        }
        for k in np.unique(member)
    ]
