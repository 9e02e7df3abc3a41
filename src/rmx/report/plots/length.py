"""Score against length: where the rewards of short and long completions lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rmx.gate import minus
from rmx.report.plots.canvas import CONTRAST, MAIN, MUTED, SURFACE, Panel, absent, draw
from rmx.report.plots.rows import finite_rows
from rmx.score_table import FOLD_TAG, ScoreView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["score_against_length"]

TITLE = "Score against length"


def score_against_length(view: ScoreView | None) -> Panel:
    """Draw all completions as a density, and the median reward of chosen and of rejected ones by length."""
    if view is None:
        return absent(TITLE, "No score against length: no heldout slice was scored.")
    if view.tags_json and FOLD_TAG in view.tags_json[0]:
        return absent(TITLE, "No score against length: the rewards of a cross-fit's models have no common level.")
    rows = finite_rows(view)
    if rows.chosen is None or rows.rejected is None:
        return absent(TITLE, "No score against length: this scorer compares two texts and has no reward of one.")
    if len(rows) == 0:
        return absent(TITLE, "No score against length: no heldout pair has finite rewards.")
    if rows.chosen_tokens is None or rows.rejected_tokens is None:
        return absent(TITLE, "No score against length: the score table lacks token counts.")
    chosen_tokens, rejected_tokens = rows.chosen_tokens.clip(min=1), rows.rejected_tokens.clip(min=1)
    tokens = np.concatenate([chosen_tokens, rejected_tokens])
    chosen, rejected = rows.chosen, rows.rejected
    rewards = np.concatenate([chosen, rejected])
    box = (*np.quantile(tokens, [0, 0.995]), *np.quantile(rewards, [0.0025, 0.9975]))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        wide = box[1] > 4 * box[0]
        cells = axes.hexbin(
            tokens.clip(max=box[1]),
            rewards.clip(box[2], box[3]),
            gridsize=(26, 14),
            xscale="log" if wide else "linear",
            mincnt=1,
            linewidths=0.4,
            edgecolors=SURFACE,
        )
        # One theme colour, the count as opacity: a colour map cannot follow light and dark.
        weight = np.log1p(np.asarray(cells.get_array(), dtype=float))
        cells.set_array(None)
        cells.set_facecolor([(MUTED, float(a)) for a in 0.12 + 0.6 * weight / weight.max()])
        for lengths, values, colour, marker, label in (
            (chosen_tokens, chosen, MAIN, "o", "chosen, median"),
            (rejected_tokens, rejected, CONTRAST, "s", "rejected, median"),
        ):
            axes.plot(
                *_medians(lengths.clip(max=box[1]), values),
                color=colour,
                marker=marker,
                markersize=5,
                markeredgecolor=SURFACE,
                linewidth=1.8,
                label=label,
            )
        if wide:
            axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("tokens of the completion" + (", logarithmic" if wide else ""))
        axes.set_ylabel("reward")
        axes.margins(y=0.15)
        axes.legend(loc="upper left", ncols=2)

    correlation = _rank_correlation(tokens, rewards)
    longer = float((chosen_tokens > rejected_tokens).mean())
    caption = (
        f"{len(tokens):,} completions of {len(rows):,} {rows.slice} pairs; the chosen one is longer in "
        f"{longer:.1%} of them. Spearman correlation of reward and length {minus(f'{correlation:+.2f}')}. "
        "The outermost cells also hold what lies beyond. This is observational: length may truly go with quality, so "
        "it neither shows nor excludes a bias. The counterfactual length audit, which edits nothing but the length, is "
        "what the gate reads."
    )
    return Panel(TITLE, caption, draw("length", 320, f"{TITLE}. {caption}", paint))


def _medians(lengths: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return median length and median reward within up to ten equally filled classes of length."""
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, min(10, max(1, len(lengths) // 5)) + 1)))
    if len(edges) < 2:
        return [float(np.median(lengths))], [float(np.median(values))]
    member = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, len(edges) - 2)
    parts = [member == k for k in range(len(edges) - 1) if (member == k).any()]
    return [float(np.median(lengths[p])) for p in parts], [float(np.median(values[p])) for p in parts]


def _rank_correlation(first: NDArray[np.int64], second: NDArray[np.float64]) -> float:
    from scipy.stats import spearmanr

    if len(np.unique(first)) < 2 or len(np.unique(second)) < 2:
        return float("nan")
    return float(spearmanr(first, second).statistic)
