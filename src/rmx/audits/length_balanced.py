"""A5b: how accurate is the scorer when longer and shorter answers are right equally often?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.lengths import log_length_ratio
from rmx.audits.statistics import Clusters, proportion_interval
from rmx.domain import AuditResult

__all__ = ["LengthBalanced"]


@dataclass(frozen=True, kw_only=True)
class LengthBalanced(Audit):
    """Half the accuracy on pairs with the longer completion chosen plus half that on pairs with the shorter one.

    Pairs of equal length keep their share. Every pair is used, and any rule that looks at length alone scores one half.
    """

    name: ClassVar[str] = "length_balanced"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has the accuracy of each stratum."""
        view = evidence.view(slice, scorer)
        side = np.sign(log_length_ratio(view))
        n = len(view)
        strata = {name: side == sign for name, sign in (("longer", 1), ("shorter", -1), ("equal", 0))}
        counts = {name: int(part.sum()) for name, part in strata.items()}
        if not counts["longer"] or not counts["shorter"]:
            raise UnavailableError(
                f"slice {slice} has no pairs with the {'shorter' if counts['longer'] else 'longer'} one chosen"
            )
        accuracies = {name: float(view.wins[part].mean()) if counts[name] else 0.5 for name, part in strata.items()}
        even = counts["equal"] / n
        unequal = (accuracies["longer"] + accuracies["shorter"]) / 2
        weights = np.full(n, 1 / n)
        influence = (strata["equal"] - even) / n * (accuracies["equal"] - unequal)
        for name in ("longer", "shorter"):
            weights[strata[name]] = (1 - even) / (2 * counts[name])
        for name, part in strata.items():
            influence[part] += weights[part] * (view.wins[part] - accuracies[name])
        estimate = even * accuracies["equal"] + (1 - even) * unequal
        interval = proportion_interval(estimate, influence, Clusters(view.group_codes), weights=weights)
        return [
            self.answer(
                "accuracy",
                interval,
                slice=slice,
                scorer=scorer,
                n_pairs=n,
                n_groups=view.n_groups,
                null_value=0.5,
                detail={
                    name: {"n_pairs": counts[name], "accuracy": accuracies[name] if counts[name] else None}
                    for name in strata
                },
            )
        ]
