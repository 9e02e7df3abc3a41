"""A18: does the scorer still know which completion is better when it is shown another prompt?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from rmx.audits.accuracy import accuracy_interval
from rmx.audits.base import Audit
from rmx.audits.edited_pairs import EditedPairs, edited_pairs
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Interval, paired_difference
from rmx.domain import AuditResult

__all__ = ["PromptDependence"]


@dataclass(frozen=True, kw_only=True)
class PromptDependence(Audit):
    """Accuracy that is lost when both completions of a pair stand after a prompt of another group.

    accuracy_swapped: accuracy with the foreign prompt; above 1/2 the completions alone tell something.
    dependence: accuracy with the own prompt minus that, paired. An alarm says that the scorer reads the prompt, and is
        no fault.
    shortfall: max(0, `least` - dependence), its interval that of dependence, likewise cut at 0. An alarm says that the
        whole interval of dependence lies below `least`: the scorer is blind to the prompt, or nearly so.

    A one-sided question in the form of a two-sided one: dependence has no value that a good scorer should have, since
    real completions betray much without their prompt; it only has one that is too little.
    """

    items: int = 200
    """How many pairs of the slice get a foreign prompt."""
    least: float = 0.05
    """Share of pairs, net, that the own prompt must decide."""

    name: ClassVar[str] = "prompt_dependence"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy_swapped", "dependence", "shortfall")
    reads_folds = "standardised"
    probe: ClassVar[str] = "prompt_swap"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer.

        `detail` has the accuracy with the own prompt, the correlation of the margins with and without it, and the same
        numbers for an empty prompt.
        """
        found = edited_pairs(evidence, evidence.view(slice, scorer), self.probe)
        if "swapped" not in found:
            raise UnavailableError("not_provided", f"no pair of slice {slice} with a foreign prompt")
        swapped = found["swapped"]
        lost = _lost(swapped)
        intervals = {
            "accuracy_swapped": accuracy_interval(swapped.wins_after, swapped.groups),
            "dependence": lost,
            "shortfall": _shortfall(lost, self.least),
        }
        nulls = {"accuracy_swapped": 0.5, "dependence": 0.0, "shortfall": 0.0}
        detail: dict[str, Any] = {
            "accuracy": float(swapped.wins.mean()),
            "margin_correlation": _correlation(swapped),
            "least": self.least,
        }
        if "removed" in found:
            removed, without = found["removed"], _lost(found["removed"])
            detail["prompt_removed"] = {
                "n_pairs": len(removed),
                "accuracy": float(removed.wins_after.mean()),
                "dependence": without.estimate,
                "ci_low": without.low,
                "ci_high": without.high,
            }
        return [
            self.answer(
                metric,
                interval,
                slice=slice,
                scorer=scorer,
                n_pairs=len(swapped),
                n_groups=swapped.clusters.count,
                null_value=nulls[metric],
                detail=detail,
            )
            for metric, interval in intervals.items()
        ]


def _lost(pairs: EditedPairs) -> Interval:
    return paired_difference(pairs.wins - pairs.wins_after, pairs.clusters)


def _shortfall(lost: Interval, least: float) -> Interval:
    """Return how far a dependence falls short of the least one; beyond it there is none, and no negative one."""
    low, high = (None if end is None else max(0.0, least - end) for end in (lost.high, lost.low))
    return replace(lost, estimate=max(0.0, least - lost.estimate), low=low, high=high, p_value=None)


def _correlation(pairs: EditedPairs) -> float | None:
    before, after = (rewards[:, 0] - rewards[:, 1] for rewards in (pairs.before, pairs.after))
    return float(np.corrcoef(before, after)[0, 1]) if before.std() > 0 and after.std() > 0 else None
