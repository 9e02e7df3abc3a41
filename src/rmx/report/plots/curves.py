"""The columns of metrics.csv as curves over optimiser steps."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "CurvesError", "read_curves"]

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Steps and values, of the rows that have a finite one."""


class CurvesError(Exception):
    """There is nothing to draw; the message says why."""


def read_curves(metrics: Path | None) -> dict[str, Curve]:
    """Return the curves of a `metrics.csv` by column.

    Raises:
        CurvesError: The model was not trained here (None), or the file is missing or cannot be read.
    """
    if metrics is None:
        raise CurvesError("this model was not trained here")
    if not metrics.is_file():
        raise CurvesError("the run left no metrics.csv")
    points: dict[str, list[tuple[float, float]]] = {}
    try:
        with metrics.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                step = float(row["step"])
                for name, value in row.items():
                    if name != "step" and value not in ("", None) and np.isfinite(float(value)):
                        points.setdefault(name, []).append((step, float(value)))
    except (KeyError, TypeError, ValueError) as error:
        raise CurvesError(f"metrics.csv cannot be read ({error})") from None
    return {name: (np.array([x for x, _ in p]), np.array([y for _, y in p])) for name, p in points.items()}
