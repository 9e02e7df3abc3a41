"""The reliability diagram: how often the preferred completion is right against how sure the reward is of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rmx.report.plots.canvas import BAND, MAIN, MUTED, SURFACE, Panel, absent, draw
from rmx.report.scored import Scored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReliabilityBin", "reliability_bins", "reliability_diagram"]

TITLE = "Reliability"
FEWEST_PER_BIN = 20


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Pairs of about equal confidence; `low` and `high` bound `accuracy` in 95% of calibrated models."""

    confidence: float
    accuracy: float
    low: float
    high: float
    pairs: int


def reliability_bins(margins: NDArray[np.float64], groups: list[str], *, bins: int = 10) -> list[ReliabilityBin]:
    """Bin pairs by confidence into `bins` equally filled bins (fewer where there are few pairs).

    The label "chosen wins" is constant, so a pair is read from the preferred side: confidence sigma(|margin|) in
    [.5, 1], right if the margin is positive, half right on a tie. The null band of a bin is its mean confidence
    ± 1.96 standard errors of accuracy minus confidence under calibration: the larger of the binomial one and the one
    that sums residuals within groups first (residuals have mean zero under calibration, so no centring).
    """
    confidence = 1 / (1 + np.exp(-np.abs(margins)))
    right = np.where(margins > 0, 1.0, np.where(margins < 0, 0.0, 0.5))
    _, group = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
    count = max(1, min(bins, len(margins) // FEWEST_PER_BIN))
    found = []
    for members in np.array_split(np.argsort(confidence, kind="stable"), count):
        c, n = confidence[members], len(members)
        by_group = np.bincount(group[members], weights=right[members] - c)
        error = np.sqrt(max(float((c * (1 - c)).sum()), float((by_group**2).sum()))) / n
        low, high = np.clip(c.mean() + np.array([-1.96, 1.96]) * error, 0, 1)
        found.append(ReliabilityBin(float(c.mean()), float(right[members].mean()), float(low), float(high), n))
    return found


def reliability_diagram(rows: Scored | None) -> Panel:
    """Draw accuracy against confidence with the band in which a calibrated reward would lie."""
    if rows is None or len(rows.chosen) == 0:
        return absent(TITLE, "No reliability diagram: no heldout pair has finite scores.")
    found = reliability_bins(rows.margins, rows.groups)
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
        f"{len(rows.chosen):,} {rows.slice} pairs in {len(found)} equally filled bins; {len(outside)} of them outside "
        f"the band{signs}. About one bin in twenty lies outside by chance. Probabilities are those of the raw reward, "
        "before any temperature."
    )
    return Panel(TITLE, caption, draw("reliability", 320, f"{TITLE}. {caption}", paint))
