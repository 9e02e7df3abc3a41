"""A5b: how accurate is the scorer on pairs of nearly equal length?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmx.audits.accuracy import accuracy_interval
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.lengths import log_length_ratio
from rmx.domain import AuditResult

__all__ = ["LengthMatched"]


@dataclass(frozen=True, kw_only=True)
class LengthMatched(Audit):
    """Accuracy on pairs of nearly equal length; length can explain little there."""

    within: float = 0.1
    """Largest |log length ratio| of such a pair."""

    name: ClassVar[str] = "length_matched"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has the share of pairs that are matched."""
        view = evidence.view(slice, scorer)
        matched = np.abs(log_length_ratio(view)) < self.within
        if not matched.any():
            raise UnavailableError(f"no pair of slice {slice} has a log length ratio within {self.within}")
        groups = view.group_codes[matched]
        return [
            self.answer(
                "accuracy",
                accuracy_interval(view.wins[matched], groups),
                slice=slice,
                scorer=scorer,
                n_pairs=int(matched.sum()),
                n_groups=len(np.unique(groups)),
                null_value=0.5,
                detail={"matched_share": float(matched.mean())},
            )
        ]
