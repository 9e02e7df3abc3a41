"""JudgeBench: pairs of a strong model's right and wrong answers to hard questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rmx.audits.benchmarks.benchmark import Benchmark, Coverage, Scored
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.tags import tag_values
from rmx.domain import AuditResult

__all__ = ["PARTS", "PUBLISHED", "JudgeBench"]

PARTS = {
    "mmlu_pro": "mmlu-pro",
    "livebench_reasoning": "livebench-reasoning",
    "livebench_math": "livebench-math",
    "livecodebench": "livecodebench",
}
"""What a pair's source begins with."""
PUBLISHED = {
    "gpt": {"mmlu_pro": 154, "livebench_reasoning": 98, "livebench_math": 56, "livecodebench": 42},
    "claude": {"mmlu_pro": 154, "livebench_reasoning": 51, "livebench_math": 34, "livecodebench": 31},
}
"""Pairs by part: 350 of GPT-4o's answers, 270 of Claude 3.5 Sonnet's."""


@dataclass(frozen=True, kw_only=True)
class JudgeBench(Benchmark):
    """JudgeBench (Tan et al., arXiv 2410.12784): the share of all pairs (not the mean of the parts) that are right.

    Reward models see one order of the answers. The decision is A>B if A scores strictly higher, else B>A: a tie is
    right where B is. A judge of pairs sees both orders, and is right where more of them say so: a tie is wrong.

    Reads tag `source` of every pair, and of a reward model's ties tag `label` (A>B or B>A).
    """

    slices: tuple[str, ...] = ("judge_bench",)
    responses: Literal["gpt", "claude"] = "gpt"
    """Whose answers the pairs are: which published number of pairs is expected."""

    name: ClassVar[str] = "judge_bench"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", *(f"{part}_accuracy" for part in PARTS))

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` counts the ties."""
        view = evidence.view(slice, scorer)
        (sources,) = tag_values(view, "source")
        parts = np.array([next((p for p, s in PARTS.items() if x.startswith(s)), "") for x in sources.tolist()])
        if not parts.all():
            odd = str(sources[parts == ""][0])
            raise UnavailableError(f"tag source of slice {slice} is {odd!r}; it must begin with a part of JudgeBench")
        credits = (view.margins > 0).astype(np.float64)
        ties = view.margins == 0
        if ties.any() and view.chosen is not None:
            (labels,) = tag_values(view, "label", among=("A>B", "B>A"))
            credits[ties] = labels[ties] == "B>A"
        scored = Scored(credits, parts, view.group_codes.astype(str))
        coverage = Coverage(scored.counts, PUBLISHED[self.responses])
        facts: dict[str, Any] = {"slice": slice, "scorer": scorer}
        ties_of = {"ties": int(ties.sum())}
        return [
            self.part("accuracy", scored, scored.counts, coverage, detail=ties_of, **facts),
            *self.single_parts({f"{name}_accuracy": name for name in PARTS}, scored, coverage, **facts),
        ]
