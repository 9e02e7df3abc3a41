"""Audits over training: when a shortcut was learnt, and what accuracy and calibration did meanwhile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rmx.report.plots.canvas import BAND, CONTRAST, MAIN, Panel, absent, draw, rule_off
from rmx.report.plots.curves import Curve, CurvesError, read_curves
from rmx.report.sentences import audit_name, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["audit_history"]

TITLE = "Audits over training"
_EFFECT = re.compile(r"audit/(?P<audit>\w+_effect)/validation(/effect_sd)?$")
_COLOURS = (MAIN, CONTRAST)


@dataclass(frozen=True, slots=True)
class _Line:
    """One audited number at every validation."""

    label: str
    metric: str
    curve: Curve
    low: Curve | None
    high: Curve | None

    def words(self, null: float | None) -> str:
        """Say where it began and ended, and from which step on its interval excluded the null."""
        steps, values = self.curve
        text = f"{self.label} from {quantity(values[0], self.metric)} to {quantity(values[-1], self.metric)}"
        if null is None or self.low is None or self.high is None or len(self.low[0]) != len(steps):
            return text
        inside = (self.low[1] <= null) & (null <= self.high[1])
        if inside[-1]:
            return f"{text}, its last interval including {null:g}"
        since = steps[np.flatnonzero(inside)[-1] + 1] if inside.any() else steps[0]
        return f"{text}, its interval excluding {null:g} since step {int(since):,}"


@dataclass(frozen=True, slots=True)
class _Chart:
    axis: str
    null: float
    lines: tuple[_Line, ...]


def audit_history(metrics: Path | None) -> Panel:
    """Draw what the in-training audits of a `metrics.csv` found, with intervals where the file has them.

    None means that the model was not trained here.
    """
    try:
        charts = _charts(read_curves(metrics))
    except CurvesError as error:
        return absent(TITLE, f"No audits over training: {error}.")
    if all(line.label == "accuracy" for chart in charts for line in chart.lines):
        return absent(
            TITLE,
            "No audits over training: accuracy alone was watched; give more audits of every validation, for example "
            "watch.length_effect.slices=[validation].",
        )
    if max(len(line.curve[0]) for chart in charts for line in chart.lines) < 2:
        return absent(
            TITLE, "No audits over training: validation ran once; a smaller trainer.val_every shows a course."
        )

    def paint(figure: Figure) -> None:
        axes = figure.subplots(len(charts), 1, sharex=True, squeeze=False)[:, 0]
        for one, chart in zip(axes, charts, strict=True):
            _paint(one, chart)
        axes[-1].set_xlabel("optimiser step")

    words = [line.words(chart.null if chart.axis != "accuracy" else None) for chart in charts for line in chart.lines]
    caption = f"On validation, which chose the checkpoint: {'; '.join(words)}."
    if any(line.low is not None for chart in charts for line in chart.lines):
        caption += " Bands are 95% intervals."
    return Panel(TITLE, caption, draw("history", 60 + 120 * len(charts), f"{TITLE}. {caption}", paint))


def _charts(columns: Mapping[str, Curve]) -> list[_Chart]:
    accuracy = [
        _line(columns, column, label, "accuracy")
        for column, label in (
            ("audit/accuracy/validation", "accuracy"),
            ("audit/length_balanced/validation", "length-balanced"),
        )
        if column in columns
    ]
    effects = [
        _Chart(f"{label} (sd)", 0.0, (_line(columns, column, label, "effect_sd"),))
        for column in sorted(columns)
        if (found := _EFFECT.match(column)) and (label := audit_name(found["audit"]))
    ]
    temperature = "audit/calibration/validation/log_temperature"
    calibration = [_line(columns, temperature, "log temperature", "log_temperature")] if temperature in columns else []
    charts = [_Chart("accuracy", 0.5, tuple(accuracy)), *effects, _Chart("log temperature", 0.0, tuple(calibration))]
    return [chart for chart in charts if chart.lines]


def _line(columns: Mapping[str, Curve], column: str, label: str, metric: str) -> _Line:
    return _Line(label, metric, columns[column], columns.get(f"{column}/low"), columns.get(f"{column}/high"))


def _paint(axes: Axes, chart: _Chart) -> None:
    rule_off(axes, y=chart.null)
    for line, colour in zip(chart.lines, _COLOURS, strict=False):
        # One band is legible, two on top of each other are not.
        if line.low is not None and line.high is not None and len(chart.lines) == 1:
            axes.fill_between(line.low[0], line.low[1], line.high[1], color=BAND, linewidth=0, zorder=1)
        axes.plot(*line.curve, color=colour, marker="o", markersize=3.5, linewidth=1.5, label=line.label)
    axes.set_ylabel(chart.axis)
    if len(chart.lines) > 1:
        axes.legend(loc="lower right", ncols=2)
