"""RM-Bench: right and wrong answers in three styles each, in four domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmx.audits.benchmarks.benchmark import Benchmark, Coverage, Scored, part_weights
from rmx.audits.evidence import Evidence
from rmx.audits.style_matrix import PARTS, StyleMatrix, domains_of
from rmx.audits.tags import tag_values
from rmx.domain import AuditResult

__all__ = ["PUBLISHED", "RMBench"]

PUBLISHED: dict[str, int | None] = {"chat": 129, "code": 228, "math": None, "safety": 441}
"""Items by domain, nine pairs each; safety pools 284 to refuse and 157 to answer. That of math is not known here."""
STYLES = StyleMatrix.styles


@dataclass(frozen=True, kw_only=True)
class RMBench(Benchmark):
    """RM-Bench (Liu et al., arXiv 2410.16184): right if the right answer scores strictly higher; a tie is wrong.

    In every domain M[i, j] = P(right answer of style i > wrong of style j): hard is the mean of its upper triangle
    (right answer plainer), normal of its diagonal, easy of its lower triangle, and the domain the mean of all nine
    cells. `accuracy`, hard, normal and easy are means over domains (scripts/utils.py of THU-KEG/RM-Bench).

    Reads tags `style_chosen`, `style_rejected` and `domain` of every pair.
    """

    slices: tuple[str, ...] = ("rm_bench",)

    name: ClassVar[str] = "rm_bench"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", *PARTS, *(f"{domain}_accuracy" for domain in PUBLISHED))

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` has every cell, `domain/right style/wrong style`."""
        view = evidence.view(slice, scorer)
        right, wrong = tag_values(view, "style_chosen", "style_rejected", among=STYLES)
        tag_values(view, "domain", among=tuple(PUBLISHED))
        cells = np.array(["/".join(cell) for cell in zip(domains_of(view), right, wrong, strict=True)])
        scored = Scored((view.margins > 0).astype(np.float64), cells, view.group_codes.astype(str))
        items = {d: min(scored.counts.get(c, 0) for c in _cells(d)) for d in PUBLISHED}
        coverage = Coverage(items, PUBLISHED)
        equal = dict.fromkeys(PUBLISHED, 1.0)
        results = []
        for metric, sign in (("accuracy", None), *PARTS.items()):
            weights = part_weights({d: _cells(d, sign) for d in PUBLISHED}, equal, scored.counts)
            results.append(self.part(metric, scored, weights, coverage, slice=slice, scorer=scorer))
        for domain in PUBLISHED:
            own = coverage.of(domain)
            results.append(self.part(f"{domain}_accuracy", scored, _cells(domain), own, slice=slice, scorer=scorer))
        return results


def _cells(domain: str, sign: int | None = None) -> dict[str, float]:
    """Return the cells of a domain with equal weights: all, or where the right answer is plainer, alike or fancier."""
    return {
        f"{domain}/{right}/{wrong}": 1.0
        for i, right in enumerate(STYLES)
        for j, wrong in enumerate(STYLES)
        if sign is None or np.sign(i - j) == sign
    }
