"""A18: does the scorer order more pairs correctly than rules that understand nothing?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.paired import paired_gain
from rmx.domain import AuditResult

__all__ = ["Baselines"]


@dataclass(frozen=True, kw_only=True)
class Baselines(Audit):
    """Paired accuracy gain over the best trivial baseline.

    `gain` needs every baseline; `gain_available` is over the best of those that were scored. The best is chosen on
    the judged pairs themselves, which flatters the baseline and never the scorer.
    """

    against: tuple[str, ...] = ("longer", "shorter", "bag_of_words")
    """Scorers to beat."""

    name: ClassVar[str] = "baselines"
    metrics: ClassVar[tuple[str, ...]] = ("gain", "gain_available")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has every baseline's accuracy and the gain over it."""
        mine = evidence.view(slice, scorer)
        gains, missing = {}, []
        accuracies = {}
        for name in self.against:
            try:
                view = evidence.view(slice, name)
            except UnavailableError:
                missing.append(name)
                continue
            gains[name] = paired_gain(mine, view)
            accuracies[name] = float(view.wins.mean())
        if not gains:
            raise UnavailableError("not_provided", f"none of the baselines {', '.join(self.against)} on slice {slice}")
        best = max(accuracies, key=lambda name: accuracies[name])
        detail: dict[str, Any] = {
            "best": best,
            "accuracy": float(mine.wins.mean()),
            "baselines": {
                n: {"accuracy": accuracies[n], "gain": g.estimate, "ci_low": g.low, "ci_high": g.high}
                for n, g in gains.items()
            },
            "missing": missing,
        }
        facts: dict[str, Any] = {"slice": slice, "scorer": scorer, "null_value": 0.0}
        size: dict[str, Any] = {"n_pairs": len(mine), "n_groups": mine.n_groups}
        available = self.answer("gain_available", gains[best], detail=detail, **facts, **size)
        if missing:
            gain = self.unanswered("gain", slice=slice, scorer=scorer, reason="not_provided", detail=detail)
        else:
            gain = self.answer("gain", gains[best], detail=detail, **facts, **size)
        return [gain, available]
