"""A10: does the reward stay as it is when only typing, case, spacing, Unicode forms, context or format change?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.edited_pairs import EditedPairs, edited_pairs
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.examples import Example, Side
from rmx.audits.statistics import (
    Clusters,
    Interval,
    bootstrap,
    paired_difference,
    percentile_interval,
    proportion_interval,
    weighted_quantiles,
)
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["Perturbation"]

ALL = "all"
QUANTILE = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Perturbation(Audit):
    """What changes that preserve the meaning do to the order of pairs, to accuracy and to single rewards.

    flip_rate: mean |win before - win after|, so 1 where the order turns, 1/2 where it becomes a tie or stops being one.
    accuracy_drop: mean win before - win after, in [-1, 1].
    shift_p95_sd: 95th percentile of |r(edited) - r(original)| over the changed texts, in deviations of the margin.

    Each over all comparisons (a pair under one variant), so that no variant can hide behind the pairs it leaves alone.
    Transformations after reWordBench (Wu et al. 2025), those that need no model.
    """

    items: int = 200
    """How many pairs of the slice are edited, both sides under every variant."""
    draws: int = 2000
    seed: int = 0

    name: ClassVar[str] = "perturbation"
    metrics: ClassVar[tuple[str, ...]] = ("flip_rate", "accuracy_drop", "shift_p95_sd")
    reads_folds = "standardised"
    probe: ClassVar[str] = "perturbation"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail.variants` has each variant's number with its interval."""
        view = evidence.view(slice, scorer)
        by_variant = edited_pairs(evidence, view, self.probe)
        parts = {ALL: _joined(list(by_variant.values())), **by_variant}
        intervals = {
            "flip_rate": {name: _flips(part) for name, part in parts.items()},
            "accuracy_drop": {
                name: paired_difference(part.wins - part.wins_after, part.clusters) for name, part in parts.items()
            },
            "shift_p95_sd": self._shifts(parts, view),
        }
        n_pairs, n_groups = len(np.unique(parts[ALL].members)), parts[ALL].clusters.count
        return [
            self.answer(
                metric,
                intervals[metric][ALL],
                slice=slice,
                scorer=scorer,
                n_pairs=n_pairs,
                n_groups=n_groups,
                null_value=0.0 if metric == "accuracy_drop" else None,
                detail={"variants": {name: _facts(by[name], len(parts[name])) for name in by_variant}},
            )
            for metric, by in intervals.items()
        ]

    def examples(self, evidence: Evidence, *, slice: str, scorer: str, most: int) -> list[Example]:
        """Return the pairs whose margin a perturbation lowered most, one variant of each, order turned or not.

        `size` is what the margin changed by, in its standard deviations; shown is the side that contributed more.
        """
        view = evidence.view(slice, scorer)
        found: dict[int, Example] = {}
        for variant, part in edited_pairs(evidence, view, self.probe).items():
            gained = (part.after - part.before) * np.array([1.0, -1.0]) / float(view.margins.std())
            for k in np.flatnonzero(gained.sum(axis=1) < 0).tolist():
                pair, side, size = int(part.members[k]), int(np.argmin(gained[k])), float(gained[k].sum())
                if pair in found and found[pair].size <= size:
                    continue
                role = ("chosen", "rejected")[side]
                original = (view.chosen_ids, view.rejected_ids)[side][pair]
                sides = (
                    Side(f"{role}, original", original, float(part.before[k, side])),
                    Side(f"{role}, edited", str(part.edits[k, side]), float(part.after[k, side])),
                )
                facts = {"pair": view.pair_ids[pair], "order": _turned(part, k)}
                found[pair] = Example(self.name, slice, scorer, variant, "margin_shift_sd", size, sides, facts)
        return sorted(found.values(), key=lambda example: example.size)[:most]

    def _shifts(self, parts: Mapping[str, EditedPairs], view: ScoreView) -> dict[str, Interval]:
        """Return the interval of the shift's percentile by part; the margin's deviation is drawn anew with it."""
        if view.margins.std() == 0:
            raise UnavailableError(f"all margins of {view.scorer} on slice {view.slice} are equal: a shift has no unit")
        quantiles: list[Callable[[Floats], Floats]] = []
        shifts, labels = [], [view.group_codes]
        for part in parts.values():
            values = np.abs(part.after - part.before)[part.changed]
            shifts.append(values)
            labels.append(np.repeat(part.groups, part.changed.sum(axis=1)))
            quantiles.append(weighted_quantiles(values, np.array([QUANTILE])))
        ends = np.cumsum([len(view), *map(len, shifts)])

        def statistic(weights: Floats) -> Floats:
            pairs = weights[: len(view)]
            mean = pairs @ view.margins / pairs.sum()
            spread = np.sqrt(pairs @ (view.margins - mean) ** 2 / pairs.sum())
            of_part = zip(quantiles, ends[:-1], ends[1:], strict=True)
            return np.array([q(weights[a:b])[0] / spread if spread else np.nan for q, a, b in of_part])

        drawn = Clusters(np.concatenate(labels))
        estimates = statistic(np.ones(ends[-1]))
        replicates = bootstrap(statistic, drawn, draws=self.draws, seed=self.seed)
        # Pairs that were not edited know the unit and nothing of the shift: few edited groups have wide tails.
        return {
            name: percentile_interval(
                float(estimates[k]),
                replicates[:, k],
                part.clusters,
                draws=self.draws,
                seed=self.seed,
                probability=QUANTILE,
            )
            for k, (name, part) in enumerate(parts.items())
        }


def _joined(parts: list[EditedPairs]) -> EditedPairs:
    names = (field.name for field in fields(EditedPairs))
    return EditedPairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _flips(part: EditedPairs) -> Interval:
    flips = np.abs(part.wins - part.wins_after)
    rate = float(flips.mean())
    return proportion_interval(rate, (flips - rate) / len(flips), part.clusters)


def _turned(part: EditedPairs, k: int) -> str:
    words = {1.0: "right", 0.5: "tied", 0.0: "wrong"}
    return f"{words[float(part.wins[k])]} before, {words[float(part.wins_after[k])]} after"


def _facts(interval: Interval, n: int) -> dict[str, Any]:
    return {"n_pairs": n, "estimate": interval.estimate, "ci_low": interval.low, "ci_high": interval.high}
