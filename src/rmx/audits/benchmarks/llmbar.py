"""LLMBar: pairs in which one answer does what was asked and the other, often the better looking one, does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rmx.audits.benchmarks.benchmark import Benchmark, Coverage, Scored
from rmx.audits.evidence import Evidence
from rmx.audits.tags import tag_values
from rmx.domain import AuditResult

__all__ = ["PUBLISHED", "LLMBar"]

PUBLISHED = {"natural": 100, "neighbor": 134, "gptinst": 92, "gptout": 47, "manual": 46}
"""Pairs by subset, 419 in all."""
_FILES = {name if name == "natural" else f"adversarial-{name}": name for name in PUBLISHED}


@dataclass(frozen=True, kw_only=True)
class LLMBar(Benchmark):
    """LLMBar (Zeng et al., arXiv 2310.07641): accuracy by subset, and over all pairs; strict, a tie is wrong.

    Reads tag `file` of every pair, natural or adversarial-neighbor and so on.
    """

    slices: tuple[str, ...] = ("llmbar",)

    name: ClassVar[str] = "llmbar"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", *(f"{subset}_accuracy" for subset in PUBLISHED))

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer."""
        view = evidence.view(slice, scorer)
        (files,) = tag_values(view, "file", among=tuple(_FILES))
        parts = np.array([_FILES[name] for name in files.tolist()])
        scored = Scored((view.margins > 0).astype(np.float64), parts, view.group_codes.astype(str))
        coverage = Coverage(scored.counts, PUBLISHED)
        facts: dict[str, Any] = {"slice": slice, "scorer": scorer}
        return [
            self.part("accuracy", scored, scored.counts, coverage, **facts),
            *self.single_parts({f"{name}_accuracy": name for name in PUBLISHED}, scored, coverage, **facts),
        ]
