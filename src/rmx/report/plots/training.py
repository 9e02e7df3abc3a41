"""The training curve: loss, and accuracy in training and on validation, against optimiser steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rmx.report.plots.canvas import CONTRAST, MAIN, Panel, absent, draw, rule_off
from rmx.report.plots.curves import Curve, CurvesError, read_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["training_curve"]

TITLE = "Training curve"
MOST_POINTS = 300
"""Longer curves are drawn as means over equal stretches of steps."""


def training_curve(metrics: Path | None) -> Panel:
    """Draw the curve of a `metrics.csv`; None means that the model was not trained here."""
    try:
        columns = read_curves(metrics)
    except CurvesError as error:
        return absent(TITLE, f"No training curve: {error}.")
    loss, accuracy = columns.get("train/loss"), columns.get("train/accuracy")
    validation = columns.get("val/validation/accuracy")
    if loss is None:
        return absent(TITLE, "No training curve: metrics.csv holds no train/loss.")
    drawn_loss, drawn_accuracy = _thin(loss), _thin(accuracy) if accuracy else None

    def paint(figure: Figure) -> None:
        panels = figure.subplots(2 if accuracy or validation else 1, 1, sharex=True, squeeze=False)[:, 0]
        _line(panels[0], drawn_loss, "training", MAIN)
        panels[0].set_ylabel("loss")
        panels[-1].set_xlabel("optimiser step")
        if len(panels) == 1:
            return
        if drawn_accuracy:
            _line(panels[1], drawn_accuracy, "training", MAIN)
        if validation:
            panels[1].plot(*validation, color=CONTRAST, marker="o", markersize=4, linewidth=1.6, label="validation")
        rule_off(panels[1], y=0.5)
        panels[1].set_ylabel("accuracy")
        panels[1].legend(loc="lower right", ncols=2)

    last = int(loss[0][-1])
    words = [f"Loss {_ends(loss)} over {last:,} optimiser steps"]
    words.append(f"training accuracy {_ends(accuracy)}" if accuracy else "no training accuracy was logged")
    if validation:
        best = int(np.argmax(validation[1]))
        words.append(f"validation accuracy highest at step {int(validation[0][best]):,} with {validation[1][best]:.1%}")
    else:
        words.append("no validation accuracy was logged")
    caption = "; ".join(words) + "."
    if validation:
        caption += " Validation chose the checkpoint, so its best value flatters; heldout is what judges."
    if len(loss[0]) > MOST_POINTS:
        caption += f" Lines are means over {MOST_POINTS} equal stretches of steps."
    return Panel(TITLE, caption, draw("training", 380, f"{TITLE}. {caption}", paint))


def _thin(series: Curve) -> Curve:
    steps, values = series
    if len(steps) <= MOST_POINTS:
        return series
    parts = np.array_split(np.arange(len(steps)), MOST_POINTS)
    return np.array([steps[p].mean() for p in parts]), np.array([values[p].mean() for p in parts])


def _ends(series: Curve) -> str:
    """Say where a curve starts and ends, each as the mean of a tenth of it (single steps are noisy)."""
    values = series[1]
    tenth = max(1, len(values) // 10)
    return f"from {values[:tenth].mean():.3f} to {values[-tenth:].mean():.3f}"


def _line(axes: Axes, series: Curve, label: str, colour: str) -> None:
    single = "o" if len(series[0]) == 1 else ""
    axes.plot(*series, color=colour, linewidth=1.4, marker=single, label=label)
