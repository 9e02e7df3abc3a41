"""How accurate could any scorer be, given how often annotators agree with each other?"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, Interval, mean_interval
from rmx.audits.statistics.beta_binomial import fit_beta_ceiling
from rmx.audits.votes import NOT_IDENTIFIABLE, chosen_for_agreeing, vote_counts
from rmx.domain import AuditResult

__all__ = ["NoiseCeiling", "highest_ceiling"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class NoiseCeiling(Audit):
    """The accuracy that the best possible scorer would have against the label of one annotator, as a range and a point.

    An annotator votes for one side of a pair with chance q; let u = |2q - 1| be how clear the pair is. The best scorer
    names the likelier side and is right with chance max(q, 1-q) = (1+u)/2, so the ceiling is c = (1 + E u)/2. Two
    annotators agree with chance q² + (1-q)² = (1+u²)/2, so agreement a gives E u² = 2a - 1 and nothing more. As u is
    within [0, 1], E u² <= E u; by Jensen E u <= sqrt(E u²). Hence a <= c <= 1/2 + sqrt((a - 1/2)/2), and both ends can
    be true: some pairs are plain and the rest are coins, or all pairs are equally hard. A point inside needs the shape
    of u: from three votes on, maximum likelihood under q ~ Beta(alpha, alpha). Three votes cannot check that shape.

    Reads tag `votes` of the pairs: [for chosen, for rejected, ties]. Tie votes are left out: accuracy is measured on
    labels that name a side. So are pairs with an even number of votes where even splits never occur, for such pairs
    became pairs by not being split. The label of an accuracy may be a majority, which a scorer can meet more often than
    the vote of one annotator.
    """

    pool: tuple[str, ...] = ("validation", "disputed")
    """Slices whose pairs are added: divided votes are often kept apart from the judged slice."""

    name: ClassVar[str] = "noise_ceiling"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy_low", "accuracy_high", "accuracy_point")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice, the same for every scorer; `detail` has the agreement and what was left out.

        Raises:
            UnavailableError: No pair has two votes, or no votes differ.
        """
        pooled = [slice, *(name for name in self.pool if name in evidence.scores and name != slice)]
        chosen, rejected, groups, single = _votes(evidence, pooled, scorer)
        agreeing = chosen_for_agreeing(chosen, rejected)
        chosen, rejected, groups = chosen[~agreeing], rejected[~agreeing], groups[~agreeing]
        left_out = {"fewer_than_two_votes": single, "even_number_of_votes": int(agreeing.sum())}
        facts: dict[str, Any] = {"slice": slice, "scorer": scorer}
        if not (chosen * rejected).any():
            where = ", ".join(pooled)
            alike = f"all {len(chosen)} pairs of {where} with two votes are unanimous; divided ones may be set aside"
            raise UnavailableError(NOT_IDENTIFIABLE, alike if len(chosen) else f"no pair of {where} has two votes")
        clusters = Clusters(groups)
        votes = chosen + rejected
        agree = (chosen * (chosen - 1) + rejected * (rejected - 1)) / (votes * (votes - 1))
        agreement = mean_interval(agree, clusters, support=(0.0, 1.0))
        numbers = {str(n): count for n, count in sorted(Counter(votes.tolist()).items())}
        detail = {"agreement": agreement.estimate, "votes": numbers, "pooled": pooled, "left_out": left_out}
        facts |= {"n_pairs": len(votes), "n_groups": clusters.count}
        return [
            self.answer("accuracy_low", _at_least_half(agreement), detail=detail, **facts),
            self.answer("accuracy_high", _carried(agreement), detail=detail, **facts),
            self._point(chosen, rejected, clusters, facts),
        ]

    def _point(self, chosen: Counts, rejected: Counts, clusters: Clusters, facts: dict[str, Any]) -> AuditResult:
        most = int((chosen + rejected).max())
        interval = fit_beta_ceiling(chosen, rejected, clusters) if most >= 3 else None
        if interval is None:
            reason = "needs pairs with three votes" if most < 3 else "the votes agree no more than coins would"
            names = {key: facts[key] for key in ("slice", "scorer")}
            return self.unanswered("accuracy_point", reason=reason, **names)
        unchecked = "rests on a beta distribution, which three votes a pair cannot check" if most == 3 else ""
        return self.answer("accuracy_point", interval, reason=unchecked, **facts)


def highest_ceiling(agreement: float) -> float:
    """Return the ceiling if all pairs are equally hard, 1/2 + sqrt((a - 1/2)/2); one half below agreement of coins."""
    return 0.5 + math.sqrt(max(agreement - 0.5, 0.0) / 2)


def _carried(agreement: Interval) -> Interval:
    """Carry an interval of the agreement to the upper end of the range, which grows with it."""
    top = highest_ceiling(agreement.estimate)
    if agreement.low is None or agreement.high is None:
        return replace(agreement, estimate=top, standard_error=None)
    slope = 1 / (8 * (top - 0.5)) if top > 0.5 else math.inf
    error = None if agreement.standard_error is None else slope * agreement.standard_error
    low, high = highest_ceiling(agreement.low), min(1.0, highest_ceiling(agreement.high))
    return replace(agreement, estimate=top, low=low, high=high, standard_error=error)


def _at_least_half(agreement: Interval) -> Interval:
    """Keep an interval of the agreement within what two annotators of one mind can have: from one half to one."""
    low, high = (None if x is None else min(max(x, 0.5), 1.0) for x in (agreement.low, agreement.high))
    return replace(agreement, estimate=max(agreement.estimate, 0.5), low=low, high=high)


def _votes(evidence: Evidence, slices: list[str], scorer: str) -> tuple[Counts, Counts, NDArray[np.str_], int]:
    """Return votes for chosen and rejected, and the group, of pairs with two votes or more; how many had fewer."""
    chosen, rejected, groups = [], [], []
    single = 0
    for name in slices:
        view = evidence.view(name, scorer)
        for counts, code in zip(vote_counts(view), view.group_codes, strict=True):
            first, second = counts or (1, 0)
            if first + second < 2:
                single += 1
                continue
            chosen.append(first)
            rejected.append(second)
            groups.append(view.group_names[code])
    return np.array(chosen, np.int64), np.array(rejected, np.int64), np.array(groups, dtype=str), single
