"""How much do the models of a cross-fit differ, each trained without another fold?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmx.audits.accuracy import accuracy_interval, describe_accuracy
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import between_deviation
from rmx.audits.tags import tag_values
from rmx.domain import AuditResult
from rmx.score_table import FOLD_TAG

__all__ = ["FoldSpread"]


@dataclass(frozen=True, kw_only=True)
class FoldSpread(Audit):
    """Standard deviation of accuracy between folds, beyond what the sampling of their pairs explains.

    Every other interval takes the models as given: it says how accurate *these* models are on more pairs like these.
    What another training set would change is seen here, and only in part: folds differ in their pairs and in their
    model, and any two models share all but two folds of their training pairs. No unbiased estimate of that variance
    exists (Bengio & Grandvalet 2004).

    The error variance of a fold's accuracy is that of the accuracy of all pairs, clustered by group, times all pairs
    over the fold's.
    """

    name: ClassVar[str] = "fold_spread"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy_sd",)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail.folds` has each fold's pairs and accuracy with its interval."""
        view = evidence.view(slice, scorer)
        if FOLD_TAG not in view.tags()[0]:
            raise UnavailableError("not_applicable", f"one model scored all pairs of slice {slice}")
        (folds,) = tag_values(view, FOLD_TAG)
        names = sorted(set(folds.tolist()), key=lambda name: (len(name), name))
        if len(names) < 2:
            raise UnavailableError("not_applicable", f"one model scored all pairs of slice {slice}")
        parts = [folds == name for name in names]
        described = {
            name: describe_accuracy(view.wins[part], view.group_codes[part])
            for name, part in zip(names, parts, strict=True)
        }
        error = accuracy_interval(view.wins, view.group_codes).standard_error
        if not error or not math.isfinite(error):
            raise UnavailableError(f"all pairs of slice {slice} are alike: nothing varies between folds")
        interval = between_deviation(
            np.array([d["accuracy"] for d in described.values()]),
            np.array([error**2 * len(view) / part.sum() for part in parts]),
        )
        return [
            self.answer(
                "accuracy_sd",
                interval,
                slice=slice,
                scorer=scorer,
                n_pairs=len(view),
                n_groups=view.n_groups,
                null_value=0.0,
                detail={"folds": described},
            )
        ]
