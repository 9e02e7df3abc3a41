"""A14: how much accuracy is lost on what the policy to be optimised writes now?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rmx.audits.accuracy import accuracy_interval, describe_accuracy
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.audits.statistics import difference_of_proportions
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["DistributionShift"]


@dataclass(frozen=True, kw_only=True)
class DistributionShift(Audit):
    """Accuracy on a reference slice minus accuracy on this one, as two independent samples.

    Prompts that both slices share make the samples alike and the interval wider than it need be, never narrower.
    """

    slices: tuple[str, ...] = ("fresh_policy",)
    reference: str = "heldout"
    """Slice of the distribution that was trained on."""

    name: ClassVar[str] = "distribution_shift"
    metrics: ClassVar[tuple[str, ...]] = ("drop",)
    reads_folds = "standardised"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has both accuracies and accuracy by level of the reward."""
        fresh, reference = evidence.view(slice, scorer), evidence.view(self.reference, scorer)
        after = accuracy_interval(fresh.wins, fresh.group_codes)
        before = accuracy_interval(reference.wins, reference.group_codes)
        return [
            self.answer(
                "drop",
                difference_of_proportions(before, after),
                slice=slice,
                scorer=scorer,
                n_pairs=len(fresh),
                n_groups=min(fresh.n_groups, reference.n_groups),
                null_value=0.0,
                detail={
                    "reference": self.reference,
                    "accuracy": after.estimate,
                    "accuracy_reference": before.estimate,
                    "n_reference": len(reference),
                    "shared_groups": len(set(fresh.group_names) & set(reference.group_names)),
                    "by_reward": _by_reward(fresh),
                },
            )
        ]


def _by_reward(view: ScoreView) -> list[dict[str, Any]]:
    """Return accuracy by quarter of the pair's mean reward: one that falls at the top invites over-optimisation."""
    if view.chosen is None or view.rejected is None or len(view) < 4:
        return []
    level = (view.chosen + view.rejected) / 2
    quarters = np.array_split(np.argsort(level, kind="stable"), 4)
    return [
        {
            "from": float(level[part].min()),
            "to": float(level[part].max()),
            **describe_accuracy(view.wins[part], view.group_codes[part]),
        }
        for part in quarters
    ]
