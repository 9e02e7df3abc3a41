"""What an edit that changes one trait of an answer, and nothing that matters, does to its reward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.audits.examples import Example, Side
from rmx.audits.statistics import (
    Clusters,
    Interval,
    interval_of_error,
    mean_interval,
    proportion_interval,
    t_interval,
    t_quantile,
)
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["EditEffect"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class EditEffect(Audit):
    """Mean reward gained by having a trait, in standard deviations of the margin on the slice.

    effect_sd = mean over edited answers of ±(r(edited) - r(original)) / sd(d), where + adds the trait and - takes it
    away; several variants of one answer are averaged first.
    """

    items: int = 200
    """How many completions of the slice are edited."""

    metrics: ClassVar[tuple[str, ...]] = ("effect_sd",)
    reads_folds = "standardised"
    counts: ClassVar[str] = "edited completions"
    probe: ClassVar[str]
    """The probe whose edits are read."""
    signs: ClassVar[Mapping[str, float]]
    """+1 for a variant of the probe that has more of the trait than the original, -1 for one that has less."""
    trait: ClassVar[str]
    """Having it, in one word; names the share in `detail` of answers that scored higher with it."""

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `n_pairs` counts edited completions.

        `detail` has the effect of each variant and the share of completions that scored higher with the trait.
        """
        originals, edited = evidence.edits(slice, scorer, self.probe)
        view = evidence.view(slice, scorer)
        gains, groups, variants = self._gains(originals, edited)
        spread = float(view.margins.std())
        if spread == 0:
            raise UnavailableError(f"all margins of {scorer} on slice {slice} are equal: the effect has no unit")
        clusters = Clusters(groups)
        signs = (np.sign(gains) + 1) / 2
        rate = proportion_interval(float(signs.mean()), (signs - signs.mean()) / len(signs), clusters)
        return [
            self.answer(
                "effect_sd",
                _standardised(gains, groups, view, spread),
                slice=slice,
                scorer=scorer,
                n_pairs=len(gains),
                n_groups=clusters.count,
                null_value=0.0,
                detail={
                    "margin_sd": spread,
                    "variants": {name: _variant(values, names, spread) for name, (values, names) in variants.items()},
                    f"{self.trait}_higher": {"rate": rate.estimate, "ci_low": rate.low, "ci_high": rate.high},
                },
            )
        ]

    def examples(self, evidence: Evidence, *, slice: str, scorer: str, most: int) -> list[Example]:
        """Return the edits that moved their reward furthest the way the mean moves, one of each original at most.

        `size` is what having the trait is worth there, in standard deviations of the margin.
        """
        originals, edited = evidence.edits(slice, scorer, self.probe)
        spread = float(evidence.view(slice, scorer).margins.std())
        gains, _, _ = self._gains(originals, edited)
        direction = 1.0 if gains.mean() >= 0 else -1.0
        source = {
            row["candidate_id"]: row for row in originals.select(["candidate_id", "reward", "tokens"]).to_pylist()
        }
        found: dict[str, Example] = {}
        for row in edited.to_pylist():
            original = source[row["source_id"]]
            size = self.signs[row["variant"]] * (row["reward"] - original["reward"]) / spread
            known = found.get(row["source_id"])
            if direction * size <= (0.0 if known is None else direction * known.size):
                continue
            sides = (
                Side("original", original["candidate_id"], original["reward"], original["tokens"]),
                Side("edited", row["candidate_id"], row["reward"], row["tokens"]),
            )
            found[row["source_id"]] = Example(self.name, slice, scorer, row["variant"], "effect_sd", size, sides)
        return sorted(found.values(), key=lambda example: -direction * example.size)[:most]

    def _gains(
        self, originals: pa.Table, edited: pa.Table
    ) -> tuple[Floats, NDArray[np.str_], dict[str, tuple[Floats, Any]]]:
        """Return per edited completion the mean gain of the trait and its group, and the gains of each variant.

        Raises:
            UnavailableError: An edit's source was not scored, or its variant is unknown.
            NotFiniteError: A reward is NaN or infinite.
        """
        base = dict(zip(originals["candidate_id"].to_pylist(), originals["reward"].to_pylist(), strict=True))
        by_source: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        group_of: dict[str, str] = {}
        for row in edited.select(["source_id", "variant", "reward", "group"]).to_pylist():
            source, variant, reward = row["source_id"], row["variant"], row["reward"]
            if source not in base or variant not in self.signs:
                what = f"variant {variant!r}" if source in base else f"no score of source {source}"
                raise UnavailableError("not_provided", f"edits of probe {self.probe} that cannot be read: {what}")
            if reward is None or base[source] is None or not np.isfinite(reward - base[source]):
                raise NotFiniteError(f"the reward of completion {source} or of its {variant} edit is not finite")
            by_source[source][variant].append(self.signs[variant] * (reward - base[source]))
            group_of[source] = row["group"]
        sources = sorted(by_source)
        per_variant = {s: {v: float(np.mean(g)) for v, g in by_source[s].items()} for s in sources}
        gains = np.array([np.mean(list(per_variant[s].values())) for s in sources])
        groups = np.array([group_of[s] for s in sources], dtype=str)
        variants = {}
        for name in self.signs:
            has = np.array([name in per_variant[s] for s in sources])
            if has.any():
                variants[name] = (np.array([v[name] for v in per_variant.values() if name in v]), groups[has])
        return gains, groups, variants


def _standardised(gains: Floats, groups: NDArray[np.str_], view: ScoreView, spread: float) -> Interval:
    """Return the interval of mean gain / sd of the margin, which is itself estimated on the slice.

    Influences of both parts (delta method) are summed by group, so that a group's gain and margins may go together.
    Each part has the small-sample factor of its own groups, and the degrees of freedom and the guard against few groups
    are those of the edits: pairs that were not edited know the unit and nothing about the gain.

    Edits that all gain the same leave groups that were not edited to bound: their gain is taken to be at most the
    largest margin of the slice, the widest that the scorer has set two answers to a prompt apart.
    """
    effect = float(gains.mean()) / spread
    of_gains = (gains - gains.mean()) / (spread * len(gains))
    centred = view.margins - view.margins.mean()
    of_spread = -effect * (centred**2 - spread**2) / (2 * spread**2 * len(view))
    names = np.array(view.group_names, dtype=str)[view.group_codes]
    edited, slice_groups = Clusters(groups), Clusters(names)
    widest = float(np.abs(view.margins).max()) / spread
    # Size 1, a deviation of the margin: gains of zero are differences of rewards and have the rewards' rounding.
    alone = t_interval(effect, of_gains, edited, null=0.0, support=(-widest, widest), size=max(1.0, abs(effect)))
    if alone.low is None or alone.high is None or slice_groups.count < 2:
        return replace(alone, low=None, high=None, standard_error=None, p_value=None)
    degrees = edited.degrees(np.ones(len(gains)))
    if alone.standard_error == 0:
        reach = t_quantile(degrees) * slice_groups.standard_error(of_spread)
        return replace(alone, low=alone.low - reach, high=alone.high + reach)
    both = [
        part * np.sqrt(own.count / (own.count - 1)) for part, own in ((of_gains, edited), (of_spread, slice_groups))
    ]
    totals = Clusters(np.concatenate([groups, names])).sums(np.concatenate(both))
    return interval_of_error(effect, float(np.sqrt(totals @ totals)), degrees, null=0.0)


def _variant(gains: Floats, groups: Any, spread: float) -> dict[str, Any]:
    interval = mean_interval(gains / spread, Clusters(groups))
    return {"n": len(gains), "effect_sd": interval.estimate, "ci_low": interval.low, "ci_high": interval.high}
