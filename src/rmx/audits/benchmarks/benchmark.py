"""What the benchmarks share: weighted means over published parts, and how much of the published set was scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmx.audits.accuracy import describe_accuracy
from rmx.audits.base import Audit
from rmx.audits.statistics import Clusters, Interval, proportion_interval
from rmx.domain import AuditResult

__all__ = ["Benchmark", "Coverage", "Scored", "part_weights", "weighted_mean"]

Floats = NDArray[np.float64]
Strings = NDArray[np.str_]
_NAMED = 3
"""Parts without an item that a reason names; `detail` has all of them."""


def weighted_mean(means: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted mean over the parts that are there; weights need not sum to one.

    Raises:
        ZeroDivisionError: Not one of the weighted parts is there.
    """
    present = {name: weight for name, weight in weights.items() if name in means}
    return sum(weight * means[name] for name, weight in present.items()) / sum(present.values())


def part_weights(
    sections: Mapping[str, Mapping[str, float]], weights: Mapping[str, float], present: Mapping[str, int]
) -> dict[str, float]:
    """Return the weight of each part that is there, where sections of weighted parts are weighted in turn.

    A section without any of its parts, and a part that is not there, give their weight to the others.
    """
    shares = {name: {p: w for p, w in parts.items() if p in present} for name, parts in sections.items()}
    return {
        part: weights[name] * weight / sum(parts.values())
        for name, parts in shares.items()
        if name in weights
        for part, weight in parts.items()
    }


@dataclass(frozen=True, slots=True)
class Scored:
    """Items of a benchmark with their credit; one that is several comparisons stands several times."""

    credits: Floats
    """In [0, 1], (n,)."""
    parts: Strings
    """Part of the benchmark, (n,)."""
    groups: Strings
    """Prompt group, (n,): the unit of the interval."""

    @property
    def counts(self) -> dict[str, int]:
        """How many stand in each part."""
        names, counts = np.unique(self.parts, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @property
    def means(self) -> dict[str, float]:
        """Mean credit of each part."""
        return {name: float(self.credits[self.parts == name].mean()) for name in self.counts}

    def interval(self, weights: Mapping[str, float]) -> Interval:
        """Return the weighted mean of parts with its Wilson interval at the effective size, clustered by group.

        With a weight w of a part of n and mean m, the influence of a credit x is w (x - m) / n.
        """
        weight, influence = self._influence(weights)
        used = weight > 0
        estimate = weighted_mean(self.means, weights)
        clusters = Clusters(self.groups[used])
        # Equal weights are those of a plain mean, whose interval can be exact.
        plain = bool(np.ptp(weight[used]) <= 1e-12 * weight.max())
        return proportion_interval(estimate, influence[used], clusters, weights=None if plain else weight[used])

    def _influence(self, weights: Mapping[str, float]) -> tuple[Floats, Floats]:
        counts, means = self.counts, self.means
        total = sum(weight for name, weight in weights.items() if name in counts)
        share = {name: weights.get(name, 0.0) / total / n for name, n in counts.items()}
        weight = np.array([share[name] for name in self.parts.tolist()])
        return weight, weight * (self.credits - np.array([means[name] for name in self.parts.tolist()]))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the published items of each part were scored."""

    scored: Mapping[str, int]
    published: Mapping[str, int | None]
    """None where the number is not known here."""

    def of(self, *parts: str) -> Coverage:
        """Return the coverage of some parts."""
        return Coverage({p: self.scored.get(p, 0) for p in parts}, {p: self.published[p] for p in parts})

    @property
    def reason(self) -> str:
        """What a reader must know before comparing with published numbers; empty where all was scored."""
        absent = [part for part in self.published if not self.scored.get(part)]
        known = {part: n for part, n in self.published.items() if n is not None}
        have, want = sum(self.scored.get(part, 0) for part in known), sum(known.values())
        if not absent and all(self.scored.get(part, 0) == n for part, n in known.items()):
            return ""
        named = ", ".join(absent[:_NAMED]) + (f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else "")
        without = f", none of {named}" if absent else ""
        return f"not the whole benchmark: {have:,} of {want:,} published items were scored{without}"

    @property
    def detail(self) -> dict[str, Any]:
        """The numbers of items, whole and by part, for the `detail` of a result."""
        return {
            "scored": sum(self.scored.values()),
            "published": None if None in self.published.values() else sum(n or 0 for n in self.published.values()),
            "items": {p: {"scored": self.scored.get(p, 0), "published": n} for p, n in self.published.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Benchmark(Audit):
    """A public benchmark: each metric is a weighted mean of its parts, and says how much of the set it rests on."""

    scorers: tuple[str, ...] = ("model", "longer", "shorter")
    """The length-only scorers beside the model: what the benchmark gives to a reward that reads nothing."""

    def part(
        self,
        metric: str,
        scored: Scored,
        weights: Mapping[str, float],
        coverage: Coverage,
        *,
        slice: str,
        scorer: str,
        null_value: float = 0.5,
        detail: Mapping[str, Any] | None = None,
    ) -> AuditResult:
        """Return the weighted mean of the parts that are there as one result; `detail` has each with its interval."""
        used = np.isin(scored.parts, [name for name, weight in weights.items() if weight > 0])
        if not used.any():
            missing = f"no item of {', '.join(coverage.published)} on slice {slice}"
            facts: dict[str, Any] = {"missing": missing, **coverage.detail}
            return self.unanswered(metric, slice=slice, scorer=scorer, reason="not_provided", detail=facts)
        parts = {
            name: describe_accuracy(scored.credits[here], np.unique(scored.groups[here], return_inverse=True)[1])
            for name in sorted(set(scored.parts[used].tolist()))
            if (here := scored.parts == name).any()
        }
        return self.answer(
            metric,
            scored.interval(weights),
            slice=slice,
            scorer=scorer,
            n_pairs=int(used.sum()),
            n_groups=Clusters(scored.groups[used]).count,
            null_value=null_value,
            reason=coverage.reason,
            detail={**coverage.detail, "parts": parts, **(detail or {})},
        )

    def single_parts(
        self,
        names: Mapping[str, str],
        scored: Scored,
        coverage: Coverage,
        *,
        slice: str,
        scorer: str,
        null_value: float = 0.5,
    ) -> list[AuditResult]:
        """Return a result of each part alone; `names` gives the part of each metric."""
        return [
            self.part(m, scored, {p: 1}, coverage.of(p), slice=slice, scorer=scorer, null_value=null_value)
            for m, p in names.items()
        ]
