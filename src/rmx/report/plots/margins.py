"""The margin histogram: how far apart the chosen and the rejected completion score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rmx.gate import minus
from rmx.report.plots.canvas import CONTRAST, MAIN, Panel, absent, draw, rule_off
from rmx.report.plots.rows import finite_rows
from rmx.score_table import ScoreView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["margin_histogram"]

TITLE = "Margins"
BINS = 40


def margin_histogram(view: ScoreView | None) -> Panel:
    """Draw how many pairs have which margin, wrong ones (below zero) in the contrast colour."""
    if view is None:
        return absent(TITLE, "No margin histogram: no heldout slice was scored.")
    margins = finite_rows(view).margins
    if len(margins) == 0:
        return absent(TITLE, "No margin histogram: no heldout pair has finite rewards.")
    low, high = np.clip(np.quantile(margins, [0.005, 0.995]), [-np.inf, 0], [0, np.inf])
    # Zero is always an edge: a bin never mixes right and wrong pairs.
    width = (high - low or 1.0) / BINS
    edges = width * np.arange(np.floor(low / width), max(np.ceil(high / width), 1) + 1)
    counts, _ = np.histogram(np.clip(margins, edges[0], edges[-1]), edges)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        wrong = edges[:-1] < -width / 2
        for part, colour, label in ((wrong, CONTRAST, "wrong order"), (~wrong, MAIN, "right order")):
            if part.any():
                shown = edges[np.r_[part, False] | np.r_[False, part]]
                axes.stairs(counts[part], shown, fill=True, color=colour, label=label)
        rule_off(axes, x=0)
        axes.set_xlabel("margin: reward of chosen minus rejected")
        axes.set_ylabel("pairs")
        axes.margins(y=0.12)
        axes.legend(loc="upper left")

    share, ties = float((margins < 0).mean()), int((margins == 0).sum())
    caption = (
        f"{len(margins):,} {view.slice} pairs: median margin {minus(f'{np.median(margins):.2f}')}, standard deviation "
        f"{margins.std(ddof=1) if len(margins) > 1 else 0:.2f}; {share:.1%} in the wrong order"
        + (f", {ties:,} exact ties" if ties else "")
        + f", {float((margins < -2).mean()):.1%} below −2 (confidently wrong). "
        "The outermost bars also hold what lies beyond them. A larger margin is not by itself better: it is a matter "
        "of scale."
    )
    if len(margins) < len(view):
        caption += f" {len(view) - len(margins):,} pairs with a NaN or infinite reward are not shown."
    return Panel(TITLE, caption, draw("margins", 300, f"{TITLE}. {caption}", paint))
