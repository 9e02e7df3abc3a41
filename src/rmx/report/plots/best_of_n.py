"""Gold and proxy reward of the best of n answers against the distance from the policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rmx.domain import AuditResult
from rmx.report.plots.canvas import BAND, CONTRAST, INK, MAIN, SURFACE, Panel, absent, draw, rule_off
from rmx.report.sentences import quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["best_of_n_curve"]

TITLE = "Best of n"


def best_of_n_curve(results: Sequence[AuditResult], scorer: str) -> Panel:
    """Draw what the best of n gains over one answer in gold reward and in the reward itself, against the root of KL.

    Args:
        results: Results of the audit `best_of_n`, and of `kl_penalty`, whose choice of n is marked.
        scorer: The scorer that is judged.
    """
    answered = [r for r in results if r.scorer == scorer and r.estimate is not None]
    found = {r.metric: r for r in answered if r.audit != "kl_penalty"}
    penalty = next((r for r in answered if r.audit == "kl_penalty" and r.metric == "gain_sd"), None)
    gain, decline = found.get("gain_sd"), found.get("decline_sd")
    if gain is None or decline is None:
        why = next((r.detail["missing"] for r in results if r.detail.get("missing")), "it was not audited")
        return absent(TITLE, f"No best-of-n curve: {why}.")
    rows: list[dict[str, Any]] = gain.detail["curve"]
    distance = np.sqrt([row["kl"] for row in rows])

    def column(name: str, instead: str) -> list[float]:
        # At n = 1 nothing is gained and nothing varies.
        return [row[instead] if row[name] is None else row[name] for row in rows]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        rule_off(axes, y=0)
        for name, label, colour, band, marker, style in (
            ("proxy", "this reward", CONTRAST, CONTRAST, "s", (0, (5, 2))),
            ("gold", "gold reward", MAIN, BAND, "o", "-"),
        ):
            low, high = column(f"{name}_low", name), column(f"{name}_high", name)
            opacity = 0.2 if band == CONTRAST else 1.0
            axes.fill_between(distance, low, high, color=band, alpha=opacity, linewidth=0)
            axes.plot(
                distance,
                column(name, name),
                color=colour,
                marker=marker,
                markersize=5.5,
                markeredgecolor=SURFACE,
                linestyle=style,
                linewidth=1.6,
                label=label,
            )
        if penalty is not None:
            stop = next(row["kl"] for row in penalty.detail["curve"] if row["n"] == penalty.detail["n_beta"])
            axes.axvline(np.sqrt(stop), color=INK, linestyle=(0, (1, 2)), linewidth=1, label="reward − β·KL stops")
        for x, y, row in zip(distance, column("gold_low", "gold"), rows, strict=True):
            axes.annotate(
                str(row["n"]),
                (x, y),
                xytext=(0, -13),
                textcoords="offset points",
                ha="center",
                color=INK,
                fontsize=9,
            )
        axes.set_xlabel("distance from the policy: √KL, best of n written below")
        axes.set_ylabel("gained over one answer, sd")
        axes.margins(y=0.15)
        axes.legend(loc="upper left")

    last, star = rows[-1], decline.detail["n_star"]
    turn = (
        f"Gold is highest at n = {star}; beyond it, less is gained while the reward goes on rising"
        if star < last["n"]
        else f"Gold is highest at the largest n, {star}"
    )
    sure = "falls" if decline.alarm else "is not shown to fall"
    gold, proxy = (quantity(last[name], "gain_sd") for name in ("gold", "proxy"))
    priced = (
        f"With β = {penalty.detail['beta']:g} a nat, reward − β·KL is highest at n = {penalty.detail['n_beta']}. "
        if penalty is not None
        else ""
    )
    caption = (
        f"{gain.n_pairs:,} prompts of slice {gain.slice}. At n = {last['n']} gold gained {gold}, the reward {proxy}. "
        f"{turn}. On prompts that did not choose n, gold {sure} towards the largest n. {priced}"
        "Bands: 95% intervals of what is gained, clustered by prompt group, each in standard deviations over the "
        "policy's own answers. KL counts answers that repeat or tie."
    )
    return Panel(TITLE, caption, draw("bestofn", 320, f"{TITLE}. {caption}", paint))
