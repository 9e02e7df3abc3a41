"""The rows of a score view that can be drawn."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from rmx.score_table import ScoreView

__all__ = ["finite_rows"]


def finite_rows(view: ScoreView) -> ScoreView:
    """Return the rows whose margin is finite; a NaN or infinite reward has no place on an axis."""
    keep = np.flatnonzero(np.isfinite(view.margins))
    if len(keep) == len(view):
        return view
    taken: dict[str, Any] = {}
    for name in (field.name for field in fields(view)):
        column = getattr(view, name)
        if isinstance(column, np.ndarray):
            taken[name] = column[keep]
        elif isinstance(column, list) and name != "group_names":
            taken[name] = [column[i] for i in keep]
    return replace(view, **taken)
