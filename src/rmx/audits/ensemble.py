"""A17: do the members of an ensemble disagree where their mean is wrong?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import (
    Clusters,
    best_of_n,
    best_of_n_kl,
    best_of_n_sizes,
    bootstrap,
    mean_interval,
    percentile_interval,
    ranker,
    weighted_correlation,
)
from rmx.domain import AuditResult

__all__ = ["Ensemble"]

FEWEST = 3
"""Members of an ensemble whose disagreement has a spread worth the name."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ensemble(Audit):
    """Whether the spread u of several scorers' margins on a pair tells where their mean margin errs.

    Margins are divided by each member's root mean square: a pair read from both sides has mean margin zero, so that
    they are centred too. `error_auroc`: chance that a pair the mean orders wrongly has more spread than one it orders
    rightly. `aurc`: mean error over all coverages when pairs are kept from the least spread on; `excess_aurc`: that
    minus the same of an oracle that keeps the right ones first (Geifman et al. 2019, arXiv 1805.08206).
    `rank_correlation`: mean Spearman correlation of two members' margins. A bias that all members share is invisible.
    """

    members: tuple[str, ...] = ()
    """Scorers in the slice's score table, at least three."""
    samples: str = "samples"
    """Slice of samples on which the spread along best-of-n is read, where it was given."""
    draws: int = 2000
    seed: int = 0

    name: ClassVar[str] = "ensemble"
    metrics: ClassVar[tuple[str, ...]] = ("error_auroc", "aurc", "excess_aurc", "rank_correlation")
    reads_folds = "standardised"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice; `scorer` only names the results.

        `detail` of `error_auroc` has the members and the mean's error, that of `rank_correlation` each two members',
        that of `aurc`, where the samples were scored by every member, the mean spread of the best of n by the mean.
        """
        if len(set(self.members)) < FEWEST:
            raise UnavailableError("not_provided", f"at least {FEWEST} different scorers in ensemble.members")
        views = [evidence.view(slice, member) for member in self.members]
        if any(view.pair_ids != views[0].pair_ids for view in views):
            raise UnavailableError(f"the members did not score the same pairs of slice {slice}")
        margins = np.stack([view.margins for view in views])
        size = np.sqrt((margins**2).mean(1, keepdims=True))
        if not size.all():
            raise UnavailableError(f"all margins of {self.members[int(size.argmin())]} on slice {slice} are zero")
        margins = margins / size
        errors = (1 - np.sign(margins.mean(0))) / 2
        clusters = Clusters(views[0].group_codes)
        statistic = _statistics(margins, errors)
        estimates = statistic(np.ones(len(errors)))
        replicates = bootstrap(statistic, clusters, draws=self.draws, seed=self.seed)
        pairs = list(combinations(self.members, 2))
        details: dict[str, dict[str, Any]] = {
            "error_auroc": {"members": list(self.members), "mean_error": float(errors.mean())},
            "aurc": {"growth": self._growth(evidence)},
            "excess_aurc": {},
            "rank_correlation": {f"{a}, {b}": float(r) for (a, b), r in zip(pairs, estimates[4:], strict=True)},
        }
        results = []
        for k, metric in enumerate(self.metrics):
            if not np.isfinite(estimates[k]):
                reason = "needs pairs that the mean orders rightly and wrongly, and margins that vary"
                results.append(self.unanswered(metric, slice=slice, scorer=scorer, reason=reason))
                continue
            results.append(
                self.answer(
                    metric,
                    percentile_interval(
                        float(estimates[k]), replicates[:, k], clusters, draws=self.draws, seed=self.seed
                    ),
                    slice=slice,
                    scorer=scorer,
                    n_pairs=len(errors),
                    n_groups=clusters.count,
                    null_value=0.5 if metric == "error_auroc" else None,
                    detail=details[metric],
                )
            )
        return results

    def _growth(self, evidence: Evidence) -> list[dict[str, Any]]:
        """Return the mean spread of the best of n by the mean reward, in standard deviations within prompts."""
        try:
            read = [evidence.samples(self.samples, member) for member in self.members]
        except UnavailableError:
            return []
        texts = [np.concatenate(r.candidates).tolist() for r in read]
        fewest = int(read[0].sizes.min())
        if any(t != texts[0] for t in texts) or fewest < 2:
            return []
        centred = [[r - r.mean() for r in one.rewards] for one in read]
        units = [np.sqrt(np.mean([(c**2).mean() for c in one])) for one in centred]
        if not all(units):
            return []
        sizes = best_of_n_sizes(fewest // 2)
        curves = []
        for p in range(len(read[0].prompts)):
            rewards = np.stack([one[p] / unit for one, unit in zip(centred, units, strict=True)])
            curves.append(best_of_n(rewards.mean(0), rewards.std(0, ddof=1), sizes))
        spread, clusters = np.array(curves), Clusters(read[0].groups)
        rows = []
        for k, n in enumerate(sizes):
            interval = mean_interval(spread[:, k], clusters)
            rows.append(
                {
                    "n": n,
                    "kl": best_of_n_kl(n),
                    "spread": interval.estimate,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                }
            )
        return rows


def _statistics(margins: Floats, errors: Floats) -> Callable[[Floats], Floats]:
    """Return a function of weights (n,) giving the metrics in order, then each two members' rank correlation."""
    spread = margins.std(0, ddof=1)
    by_spread, by_error = _risk_coverage(spread, errors), _risk_coverage(errors, errors)
    rank_spread = ranker(spread)
    ranks = [ranker(m) for m in margins]

    def statistics(weights: Floats) -> Floats:
        wrong, right = weights * errors, weights * (1 - errors)
        auroc = float("nan")
        if wrong.sum() and right.sum():
            # Mid-ranks among the right ones, seen from the wrong ones.
            auroc = float(wrong @ rank_spread(right) / (wrong.sum() * right.sum()))
        area = by_spread(weights)
        ranked = [rank(weights) for rank in ranks]
        alike = [weighted_correlation(a, b, weights) for a, b in combinations(ranked, 2)]
        return np.array([auroc, area, area - by_error(weights), np.mean(alike), *alike])

    return statistics


def _risk_coverage(order: Floats, errors: Floats) -> Callable[[Floats], Floats]:
    """Return a function of weights giving the mean over k of the mean error of the k observations lowest in `order`.

    Among equals the error is spread evenly, the average over their orders. Over k = a+1 ... b of a run of equals with
    error e each, the sum of (E_a + (k - a) e) / k is e (b - a) + (E_a - a e)(H_b - H_a), H the harmonic numbers.
    """
    distinct, codes = np.unique(order, return_inverse=True)

    def area(weights: Floats) -> Floats:
        from scipy.special import digamma

        mass = np.bincount(codes, weights=weights, minlength=len(distinct))
        wrong = np.bincount(codes, weights=weights * errors, minlength=len(distinct))
        kept = mass > 0
        mass, wrong = mass[kept], wrong[kept]
        ends = mass.cumsum()
        starts, before = ends - mass, wrong.cumsum() - wrong
        each = wrong / mass
        harmonic = digamma(ends + 1) - digamma(starts + 1)
        return np.asarray((each * mass + (before - starts * each) * harmonic).sum() / ends[-1])

    return area
