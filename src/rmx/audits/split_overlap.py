"""Is anything that judges or chooses also in the training split?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Interval
from rmx.domain import AuditResult

__all__ = ["SplitOverlap"]


@dataclass(frozen=True, kw_only=True)
class SplitOverlap(Audit):
    """Pairs of all other splits whose prompt or group stands in train too: a count, so its interval is one point."""

    slices: tuple[str, ...] = ("train",)

    name: ClassVar[str] = "split_overlap"
    metrics: ClassVar[tuple[str, ...]] = ("overlap",)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer from the ledger; `detail` has the overlap of each split, and as `caveat` what it does not prove."""
        overlap = (evidence.ledger or {}).get("overlap")
        if evidence.ledger is None or overlap is None:
            raise UnavailableError("not_provided", "no ledger with an overlap proof")
        pairs = float(overlap["pairs"])
        # A ledger that says nothing of it is of a time when they were always searched.
        searched = evidence.ledger.get("near_duplicates", {}).get("searched", True)
        caveat = {} if searched else {"caveat": "near-duplicate prompts were not searched"}
        splits, groups = evidence.ledger.get("splits", {}), evidence.ledger.get("groups", {})
        return [
            self.answer(
                "overlap",
                Interval(pairs, pairs, pairs, "exact count"),
                slice=slice,
                scorer=scorer,
                n_pairs=sum(n for split, n in splits.items() if split != "train"),
                n_groups=sum(n for split, n in groups.items() if split != "train"),
                null_value=0.0,
                detail={
                    "by_split": overlap.get("by_split", {}),
                    "split_mode": evidence.ledger.get("split_mode"),
                    **caveat,
                },
            )
        ]
