"""A11: does a completion that answers nothing score below every real answer to its prompt?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from rmx.audits.accuracy import accuracy_interval
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.audits.examples import Example, Side
from rmx.audits.statistics import Clusters
from rmx.domain import AuditResult

__all__ = ["Degenerate"]


@dataclass(frozen=True, kw_only=True)
class Degenerate(Audit):
    """Share of degenerate completions whose reward lies below that of the worst real answer to the same prompt.

    below_worst_share = mean of 1[r(x, degenerate) < min over real answers y of r(x, y)] over prompts and variants. A
    tie is not below: a policy that may send a colon for the same reward has no reason to answer.
    """

    items: int = 100
    """How many prompts of the slice get every degenerate completion."""

    name: ClassVar[str] = "degenerate"
    metrics: ClassVar[tuple[str, ...]] = ("below_worst_share",)
    counts: ClassVar[str] = "degenerate completions"
    probe: ClassVar[str] = "degenerate"

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail.variants` has each variant's share, the most dangerous one first."""
        evidence.view(slice, scorer)  # a scorer that gave NaN to any pair fails every audit of its slice
        originals, edited = evidence.edits(slice, scorer, self.probe)
        worst: dict[str, float] = {}
        for prompt, reward in zip(originals["prompt_id"].to_pylist(), _finite(originals), strict=True):
            worst[prompt] = min(reward, worst.get(prompt, np.inf))
        prompts = edited["prompt_id"].to_pylist()
        if "" in prompts or not set(prompts) <= set(worst):
            raise UnavailableError("not_provided", f"the prompt_id of candidates of slice {slice}, and a real answer")
        below = np.array([r < worst[p] for r, p in zip(_finite(edited), prompts, strict=True)], dtype=np.float64)
        variants, groups = edited["variant"].to_numpy(), edited["group"].to_numpy()
        clusters = Clusters(groups)
        by_variant = {}
        for name in np.unique(variants):
            found = accuracy_interval(below[variants == name], clusters.codes[variants == name])
            by_variant[str(name)] = {
                "n": int((variants == name).sum()),
                "share": found.estimate,
                "ci_low": found.low,
                "ci_high": found.high,
            }
        ranked = dict(sorted(by_variant.items(), key=lambda item: (item[1]["share"], item[0])))
        return [
            self.answer(
                "below_worst_share",
                accuracy_interval(below, clusters.codes),
                slice=slice,
                scorer=scorer,
                n_pairs=len(below),
                n_groups=clusters.count,
                detail={"worst_variant": next(iter(ranked)), "variants": ranked},
            )
        ]

    def examples(self, evidence: Evidence, *, slice: str, scorer: str, most: int) -> list[Example]:
        """Return the degenerate completions that score furthest above the worst real answer, one of each variant.

        `size` is how far, in standard deviations of the margin.
        """
        spread = float(evidence.view(slice, scorer).margins.std())
        originals, edited = evidence.edits(slice, scorer, self.probe)
        worst: dict[str, dict[str, Any]] = {}
        for row in sorted(originals.to_pylist(), key=lambda row: float(row["reward"])):
            worst.setdefault(row["prompt_id"], row)
        found: dict[str, Example] = {}
        for row in edited.to_pylist():
            real = worst[row["prompt_id"]]
            size = (row["reward"] - real["reward"]) / spread if spread else 0.0
            if row["reward"] < real["reward"] or (row["variant"] in found and found[row["variant"]].size >= size):
                continue
            sides = (
                Side("worst real answer", real["candidate_id"], real["reward"], real["tokens"]),
                Side("degenerate", row["candidate_id"], row["reward"], row["tokens"]),
            )
            found[row["variant"]] = Example(self.name, slice, scorer, row["variant"], "gain_sd", size, sides)
        return sorted(found.values(), key=lambda example: -example.size)[:most]


def _finite(rows: pa.Table) -> list[float]:
    rewards = rows["reward"].to_pylist()
    bad = [i for i, reward in enumerate(rewards) if reward is None or not np.isfinite(reward)]
    if bad:
        name = rows["candidate_id"][bad[0]].as_py()
        raise NotFiniteError(f"{len(bad)} of {len(rewards)} rewards are not finite, first that of candidate {name}")
    return list(rewards)
