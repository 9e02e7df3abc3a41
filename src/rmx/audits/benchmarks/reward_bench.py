"""RewardBench: sections of pairs from 23 subsets, and the leaderboard's score over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmx.audits.benchmarks.benchmark import Benchmark, Coverage, Scored, part_weights
from rmx.audits.evidence import Evidence
from rmx.audits.tags import tag_values
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["PRIOR_SETS", "SECTIONS", "SECTION_WEIGHTS", "RewardBench"]

SECTIONS: dict[str, dict[str, int]] = {
    "chat": {
        "alpacaeval-easy": 100,
        "alpacaeval-length": 95,
        "alpacaeval-hard": 95,
        "mt-bench-easy": 28,
        "mt-bench-med": 40,
    },
    "chat_hard": {
        "mt-bench-hard": 37,
        "llmbar-natural": 100,
        "llmbar-adver-neighbor": 134,
        "llmbar-adver-GPTInst": 92,
        "llmbar-adver-GPTOut": 47,
        "llmbar-adver-manual": 46,
    },
    "safety": {
        "refusals-dangerous": 100,
        "refusals-offensive": 100,
        "xstest-should-refuse": 154,
        "xstest-should-respond": 250,
        "donotanswer": 136,
    },
    "reasoning": {
        "math-prm": 984,
        **dict.fromkeys(("hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"), 164),
    },
}
"""Weight of each subset in its section: its pairs, but math-prm as much as all code (rewardbench/constants.py)."""
PUBLISHED = {subset: n for subsets in SECTIONS.values() for subset, n in subsets.items()} | {"math-prm": 447}
"""Pairs of each subset, 2,985 in all."""
PRIOR_SETS = ("anthropic_helpful", "anthropic_hhh", "shp", "summarize")
SECTION_WEIGHTS: dict[str, float] = {"chat": 2, "chat_hard": 2, "safety": 2, "reasoning": 2, "prior_sets": 1}
"""Of the score (analysis/get_benchmark_results.py)."""


@dataclass(frozen=True, kw_only=True)
class RewardBench(Benchmark):
    """RewardBench (Lambert et al., arXiv 2403.13787): a pair is right if chosen scores strictly higher; a tie is wrong.

    A section is the mean of its subsets' accuracies, weighted by `SECTIONS`; prior sets are the plain mean of four
    older test sets. `score`: mean of the sections, weighted 2 and prior sets 1, as on the leaderboard; without prior
    sets the mean of the four, as in papers since. `micro_accuracy`: share of all pairs, which the program `rewardbench`
    prints.

    Reads tag `subset` of every pair, and of the slice of prior sets tag `file`.
    """

    slices: tuple[str, ...] = ("reward_bench",)
    prior: str = "reward_bench_prior"
    """Slice of the prior sets."""

    name: ClassVar[str] = "reward_bench"
    metrics: ClassVar[tuple[str, ...]] = (
        "score",
        *(f"{section}_accuracy" for section in SECTION_WEIGHTS),
        "micro_accuracy",
    )

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has every subset with its interval."""
        core = _scored(evidence.view(slice, scorer), "subset", tuple(PUBLISHED), slice)
        whole = core
        if self.prior in evidence.scores:
            prior = _scored(evidence.view(self.prior, scorer), "file", PRIOR_SETS, self.prior)
            whole = Scored(
                *(np.concatenate([getattr(core, f), getattr(prior, f)]) for f in ("credits", "parts", "groups"))
            )
        coverage = Coverage(whole.counts, {**PUBLISHED, **dict.fromkeys(PRIOR_SETS)})
        sections = {**SECTIONS, "prior_sets": dict.fromkeys(PRIOR_SETS, 1)}
        results = [
            self.part(
                "score",
                whole,
                part_weights(sections, SECTION_WEIGHTS, whole.counts),
                coverage,
                slice=slice,
                scorer=scorer,
            )
        ]
        for section, subsets in sections.items():
            own = coverage.of(*subsets)
            results.append(self.part(f"{section}_accuracy", whole, subsets, own, slice=slice, scorer=scorer))
        own = coverage.of(*PUBLISHED)
        return [*results, self.part("micro_accuracy", core, core.counts, own, slice=slice, scorer=scorer)]


def _scored(view: ScoreView, tag: str, among: tuple[str, ...], slice: str) -> Scored:
    (subsets,) = tag_values(view, tag, among=among)
    groups = np.array([f"{slice}/{code}" for code in view.group_codes.tolist()])
    return Scored((view.margins > 0).astype(np.float64), subsets, groups)
