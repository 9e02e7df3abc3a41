"""A6i: does the scorer still prefer the right answer when the wrong one is the better dressed?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Clusters, proportion_interval, t_interval
from rmx.audits.tags import tag_values
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["PARTS", "StyleMatrix", "domains_of"]

Floats = NDArray[np.float64]
PARTS = {"easy_accuracy": 1, "normal_accuracy": 0, "hard_accuracy": -1}
"""Whether the right answer is the fancier one (1), dressed alike (0) or the plainer one (-1)."""


@dataclass(frozen=True, kw_only=True)
class StyleMatrix(Audit):
    """Accuracy where the right answer has the plainer, the same or the fancier style: M[i, j] = P(right i > wrong j).

    Easy: the lower triangle (right answer fancier); normal: the diagonal; hard: the upper triangle; `style_gap` is easy
    minus hard. The mean of a part's cells, then the mean over domains (RM-Bench, arXiv 2410.16184, and the example in
    its README). Ties count one half; in RM-Bench, and in
    the audit of that name, they are wrong.

    Reads tags `style_chosen` and `style_rejected` of every pair and, where given, `domain`.
    """

    slices: tuple[str, ...] = ("rm_bench",)
    styles: tuple[str, ...] = ("concise", "detailed", "detailed_markdown")
    """Values of both tags, from plain to fancy."""

    name: ClassVar[str] = "style_matrix"
    metrics: ClassVar[tuple[str, ...]] = ("easy_accuracy", "normal_accuracy", "hard_accuracy", "style_gap")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice and scorer; `detail` of `style_gap` has the matrix, whole and of each domain."""
        view = evidence.view(slice, scorer)
        chosen, rejected = tag_values(view, "style_chosen", "style_rejected", among=self.styles)
        level = {style: k for k, style in enumerate(self.styles)}
        row, column = (np.array([level[style] for style in side]) for side in (chosen, rejected))
        domains = domains_of(view)
        cells = {name: self._cells(view, row, column, domains == name) for name in np.unique(domains).tolist()}
        matrix = np.mean([accuracy for _, accuracy in cells.values()], axis=0)
        weights = np.zeros(len(view))
        residuals = np.zeros(len(view))
        for name, (counts, accuracy) in cells.items():
            here = domains == name
            at = row[here], column[here]
            weights[here] = 1 / (len(cells) * counts[at])
            residuals[here] = view.wins[here] - accuracy[at]
        facts: dict[str, Any] = {"slice": slice, "scorer": scorer, "n_groups": view.n_groups}
        results = []
        means = {}
        steps = np.subtract.outer(np.arange(len(self.styles)), np.arange(len(self.styles)))
        for metric, sign in PARTS.items():
            part, cell = np.sign(row - column) == sign, np.sign(steps) == sign
            means[metric] = float(matrix[cell].mean())
            weight = weights[part] / cell.sum()
            clusters = Clusters(view.group_codes[part])
            interval = proportion_interval(means[metric], weight * residuals[part], clusters, weights=weight)
            results.append(self.answer(metric, interval, n_pairs=int(part.sum()), null_value=0.5, **facts))
        gap = means["easy_accuracy"] - means["hard_accuracy"]
        weight = np.sign(row - column) * weights / (steps > 0).sum()
        clusters = Clusters(view.group_codes)
        interval = t_interval(gap, weight * residuals, clusters, weights=np.abs(weight), null=0.0, size=1.0)
        detail = {"styles": list(self.styles), "matrix": matrix.tolist()}
        detail["domains"] = {name: accuracy.tolist() for name, (_, accuracy) in cells.items()}
        n_pairs = int((row != column).sum())
        results.append(self.answer("style_gap", interval, n_pairs=n_pairs, null_value=0.0, detail=detail, **facts))
        return results

    def _cells(
        self, view: ScoreView, row: NDArray[np.int64], column: NDArray[np.int64], here: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """Return pairs and accuracy of each cell of a domain."""
        size = len(self.styles)
        cell = row[here] * size + column[here]
        counts = np.bincount(cell, minlength=size**2).astype(np.float64)
        if not counts.all():
            i, j = divmod(int(np.argmin(counts)), size)
            raise UnavailableError(
                f"slice {view.slice} has no pair of {self.styles[i]} chosen and {self.styles[j]} rejected in a domain"
            )
        wins = np.bincount(cell, weights=view.wins[here], minlength=size**2)
        return counts.reshape(size, size), (wins / counts).reshape(size, size)


def domains_of(view: ScoreView) -> NDArray[np.str_]:
    """Return tag `domain` of every pair, or `all` where no pair has one."""
    if not any("domain" in tags for tags in view.tags()):
        return np.full(len(view), "all")
    return tag_values(view, "domain")[0]
