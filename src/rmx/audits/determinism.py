"""A20: does a text get the same reward whatever stands beside it and however its batch is laid out?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.audits.statistics import Clusters, Interval, proportion_interval
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["RESCORED", "Determinism"]

RESCORED = "rescored"
"""In the place of a probe's name: rows of texts that were scored again, unedited; the variant says how."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Determinism(Audit):
    """How far rewards move when the same texts are scored again: alone, in other company, in other batches, padded.

    `max_change`: the largest |r' - r| / max(1, |r|) over texts and ways, a fact about these texts and no estimate; in
    float32 rounding keeps it below 1e-4. `flip_rate`: share of pairs that any way of scoring orders otherwise.
    """

    items: int = 200
    """How many pairs of the slice are scored again."""

    name: ClassVar[str] = "determinism"
    metrics: ClassVar[tuple[str, ...]] = ("max_change", "flip_rate")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer.

        `detail` of `max_change` has for each way the largest change, the flips, and the 99th percentile of |r' - r| in
        standard deviations of the margin, which says what rounding costs in bfloat16.
        """
        view = evidence.view(slice, scorer)
        base, again = _rewards(evidence, slice, scorer)
        first, second = np.array(view.chosen_ids, dtype=object), np.array(view.rejected_ids, dtype=object)
        flipped = np.zeros(len(view), dtype=bool)
        scored = np.zeros(len(view), dtype=bool)
        ways: dict[str, dict[str, Any]] = {}
        spread = float(view.margins.std())
        for variant, rewards in again.items():
            texts = sorted(rewards)
            before, after = (np.array([table[c] for c in texts]) for table in (base, rewards))
            both = np.flatnonzero([a in rewards and b in rewards for a, b in zip(first, second, strict=True)])
            margins = np.array([rewards[first[i]] - rewards[second[i]] for i in both])
            turned = np.sign(margins) != np.sign(view.margins[both])
            flipped[both] |= turned
            scored[both] = True
            change = np.abs(after - before)
            ways[variant] = {
                "n_texts": len(texts),
                "max_change": float((change / np.maximum(1.0, np.abs(before))).max()),
                "p99_sd": float(np.quantile(change, 0.99)) / spread if spread else None,
                "flips": int(turned.sum()),
            }
        facts: dict[str, Any] = {"slice": slice, "scorer": scorer, **_sizes(view, scored)}
        largest = max(way["max_change"] for way in ways.values())
        exact = Interval(largest, largest, largest, "exact maximum")
        results = [self.answer("max_change", exact, detail={"ways": ways}, **facts)]
        if not scored.any():
            reason = "no pair of the slice has both completions among the texts that were scored again"
            return [*results, self.unanswered("flip_rate", slice=slice, scorer=scorer, reason=reason)]
        flips = flipped[scored].astype(np.float64)
        rate = float(flips.mean())
        interval = proportion_interval(rate, (flips - rate) / len(flips), Clusters(view.group_codes[scored]))
        return [*results, self.answer("flip_rate", interval, **facts)]


def _sizes(view: ScoreView, scored: NDArray[np.bool_]) -> dict[str, int]:
    return {"n_pairs": int(scored.sum()), "n_groups": len(np.unique(view.group_codes[scored]))}


def _rewards(evidence: Evidence, slice: str, scorer: str) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Return the rewards by candidate, and by variant and candidate those of scoring again.

    Raises:
        UnavailableError: No text was scored again, or one whose first score is missing.
        NotFiniteError: A reward is NaN or infinite.
    """
    originals, rows = evidence.edits(slice, scorer, RESCORED)
    base = dict(zip(originals["candidate_id"].to_pylist(), originals["reward"].to_pylist(), strict=True))
    again: dict[str, dict[str, float]] = {}
    for row in rows.select(["source_id", "variant", "reward"]).to_pylist():
        source, reward = row["source_id"], row["reward"]
        if source not in base:
            raise UnavailableError("not_provided", f"a text that was scored again has no first score: {source}")
        if reward is None or base[source] is None or not np.isfinite(reward - base[source]):
            raise NotFiniteError(f"a reward of text {source} is not finite")
        again.setdefault(row["variant"], {})[source] = reward
    return base, dict(sorted(again.items()))
