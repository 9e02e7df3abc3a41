"""Accuracy by slice with intervals, the reward beside its baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rmx.domain import AuditResult
from rmx.report.plots.canvas import CONTRAST, GRID, INK, MAIN, MUTED, SURFACE, Panel, absent, draw, rule_off

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["accuracy_by_slice"]

TITLE = "Accuracy by slice"
MOST_ROWS = 40
ROW = 19
"""Height of a row in page pixels."""


def accuracy_by_slice(
    accuracies: Sequence[AuditResult], scorer: str, *, others: str = "its baselines", name: str = "slices"
) -> Panel:
    """Draw one interval per slice and scorer.

    Args:
        accuracies: Accuracy results of all slices and scorers, in the order to show.
        scorer: The scorer that is judged.
        others: What the other scorers are to it.
        name: Prefix of the ids inside the drawing, unique on the page.
    """
    known = [r for r in accuracies if r.estimate is not None and r.ci_low is not None and r.ci_high is not None]
    if not known:
        return absent(TITLE, "No accuracy by slice: no accuracy was audited.")
    slices = list(dict.fromkeys(r.slice for r in known))
    rows: list[tuple[str, AuditResult | None]] = []
    for slice in slices:
        mine = sorted((r for r in known if r.slice == slice), key=lambda r: r.scorer != scorer)
        block: list[tuple[str, AuditResult | None]] = [(_short(slice, 28), None)]
        block += [(_short(r.scorer, 22), r) for r in mine]
        if rows and len(rows) + len(block) > MOST_ROWS:
            break
        rows += block
    shown = sum(result is None for _, result in rows)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for y, (label, result) in enumerate(rows):
            if result is None:
                axes.axhline(y - 0.5, color=GRID, linewidth=0.8)
                axes.text(
                    -0.015,
                    y,
                    label,
                    ha="right",
                    va="center",
                    color=INK,
                    fontweight="bold",
                    transform=axes.get_yaxis_transform(),
                )
                continue
            judged = result.scorer == scorer
            colour = MAIN if judged else CONTRAST
            middle, low, high = np.array([result.estimate, result.ci_low, result.ci_high], dtype=float)
            axes.plot([low, high], [y, y], color=colour, linewidth=2.2)
            marker, size = ("o", 7.0) if judged else ("D", 5.5)
            axes.plot([middle], [y], color=colour, marker=marker, markersize=size, markeredgecolor=SURFACE)
            axes.text(-0.015, y, label, ha="right", va="center", color=MUTED, transform=axes.get_yaxis_transform())
        rule_off(axes, x=0.5)
        axes.set_yticks([])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel("accuracy, with 95% interval")

    first = sorted((r for r in known if r.slice == slices[0]), key=lambda r: r.scorer != scorer)
    numbers = "; ".join(f"{r.scorer} {r.estimate:.1%} [{r.ci_low:.1%}, {r.ci_high:.1%}]" for r in first)
    caption = (
        f"On {slices[0]}: {numbers}. Circles: the reward judged here; diamonds: {others}. Intervals cluster by prompt "
        "group; ties count one half."
    )
    if shown < len(slices):
        caption += f" {shown} of {len(slices)} slices are drawn; the table of audits holds all."
    return Panel(TITLE, caption, draw(name, 60 + ROW * len(rows), f"{TITLE}. {caption}", paint))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
