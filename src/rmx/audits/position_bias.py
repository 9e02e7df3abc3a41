"""A7: does a pairwise judge prefer a position, whichever answer stands there?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rmx.audits.accuracy import accuracy_interval
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, mean_interval
from rmx.domain import AuditResult

__all__ = ["CHOSEN_FIRST", "REJECTED_FIRST", "PositionBias"]

CHOSEN_FIRST = "chosen_first"
"""Scorer whose margins are those of the judge with the chosen completion shown first."""
REJECTED_FIRST = "rejected_first"


@dataclass(frozen=True, kw_only=True)
class PositionBias(Audit):
    """How often the verdict follows the position, from the judge's margins in both orders.

    `follow_rate`: share of pairs with opposite verdicts in the two orders, which prefer one position both times.
    `first_preference`: mean of (1 if the first answer is preferred, -1 if the second, 0 on a tie) over both orders of
    each pair; zero without a bias, however accurate the judge is, for every answer stands first once.
    """

    name: ClassVar[str] = "position_bias"
    metrics: ClassVar[tuple[str, ...]] = ("follow_rate", "first_preference")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has the pairs that prefer either position."""
        view = evidence.view(slice, scorer)
        if view.chosen is not None:
            raise UnavailableError("not_applicable", f"{scorer} scores single texts and sees no order")
        forward, backward = (evidence.view(slice, name) for name in (CHOSEN_FIRST, REJECTED_FIRST))
        if not view.pair_ids == forward.pair_ids == backward.pair_ids:
            raise UnavailableError(f"the two orders of slice {slice} are not of the same pairs")
        # Margins are above zero where the chosen answer is preferred; it is the first of one order only.
        first = (np.sign(forward.margins) - np.sign(backward.margins)) / 2
        follows = np.abs(first) == 1
        size: dict[str, Any] = {"n_pairs": len(view), "n_groups": view.n_groups}
        detail = {"first": int((first == 1).sum()), "second": int((first == -1).sum())}
        clusters = Clusters(view.group_codes)
        return [
            self.answer(
                "follow_rate",
                accuracy_interval(follows.astype(np.float64), view.group_codes),
                slice=slice,
                scorer=scorer,
                detail=detail,
                **size,
            ),
            self.answer(
                "first_preference",
                mean_interval(first, clusters),
                slice=slice,
                scorer=scorer,
                null_value=0.0,
                detail=detail,
                **size,
            ),
        ]
