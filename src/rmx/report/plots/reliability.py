"""The reliability diagram: how often the preferred completion is right against how sure the reward is of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmx.audits.reliability import reliability_bins
from rmx.report.plots.canvas import BAND, MAIN, MUTED, SURFACE, Panel, absent, draw
from rmx.report.plots.rows import finite_rows
from rmx.score_table import ScoreView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["reliability_diagram"]

TITLE = "Reliability"


def reliability_diagram(view: ScoreView | None) -> Panel:
    """Draw accuracy against confidence with the band in which a calibrated reward would lie."""
    if view is None:
        return absent(TITLE, "No reliability diagram: no heldout slice was scored.")
    rows = finite_rows(view)
    if len(rows) == 0:
        return absent(TITLE, "No reliability diagram: no heldout pair has finite rewards.")
    found = reliability_bins(rows.margins, rows.group_codes)
    confidence = [b.confidence for b in found]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.fill_between(
            confidence,
            [b.low for b in found],
            [b.high for b in found],
            color=BAND,
            linewidth=0,
            label="95% band of a calibrated reward",
        )
        axes.plot(
            confidence,
            [b.accuracy for b in found],
            color=MAIN,
            marker="o",
            markersize=6,
            markeredgecolor=SURFACE,
            linewidth=1.4,
            label="this reward",
        )
        axes.set_xlim(0.485, 1.015)
        axes.set_ylim(max(0.0, min(0.4, min(b.accuracy for b in found) - 0.05)), 1.04)
        axes.set_xlabel("confidence: σ(|margin|)")
        axes.set_ylabel("share in the right order")
        axes.legend(loc="lower right" if found[-1].accuracy > 0.8 else "upper left")

    outside = [b for b in found if not b.low <= b.accuracy <= b.high]
    over = sum(b.accuracy < b.low for b in outside)
    signs = f" ({over} over-confident, {len(outside) - over} under-confident)" if outside else ""
    caption = (
        f"{len(rows):,} {rows.slice} pairs in {len(found)} equally filled bins; {len(outside)} of them outside "
        f"the band{signs}. About one bin in twenty lies outside by chance. Probabilities are those of the raw reward, "
        "before any temperature."
    )
    return Panel(TITLE, caption, draw("reliability", 320, f"{TITLE}. {caption}", paint))
