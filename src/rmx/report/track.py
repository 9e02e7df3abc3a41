"""An interval as a small drawing beside its numbers: the page draws it from positions in percent."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rmx.domain import AuditResult
from rmx.report.sentences import unit

__all__ = ["Track", "share_track", "track"]

MARGIN = 0.08
"""Part of the drawing left free at each end."""


@dataclass(frozen=True, slots=True)
class Track:
    """Positions in percent of the width, written as CSS wants them."""

    low: str
    middle: str
    width: str
    """Of the interval."""
    mark: str | None = None
    """The value of no effect."""
    band: tuple[str, str] | None = None
    """Left end and width of the tolerance."""


def share_track(result: AuditResult) -> Track | None:
    """Draw the interval of a share on the whole scale from 0 to 100%, with chance at one half."""
    found = _ends(result)
    if found is None:
        return None
    low, middle, high = (100 * min(max(x, 0.0), 1.0) for x in found)
    return Track(_css(low), _css(middle), _css(high - low), _css(50.0))


def track(result: AuditResult) -> Track | None:
    """Draw an interval with the value of no effect and the tolerance, on a scale that holds them all.

    None where there is no interval, only a point, or no second value to see it against.
    """
    found = _ends(result)
    if found is None or found[0] == found[2]:
        return None
    bounds = [x for x in result.tolerance or () if x is not None and math.isfinite(x)]
    null = result.null_value
    against = [*bounds, *([] if null is None else [null])]
    if not against:
        return None
    start, end = min(*found, *against), max(*found, *against)
    room = MARGIN * (end - start) or 1.0
    start, end = start - room, end + room
    if unit(result.metric) == "share":
        start, end = max(start, 0.0), min(end, 1.0)

    def place(x: float) -> float:
        return 100 * (x - start) / (end - start) if end > start else 50.0

    low, middle, high = map(place, found)
    band = None
    if result.tolerance is not None and bounds:
        left, right = (x if x is not None and math.isfinite(x) else None for x in result.tolerance)
        ends = 0.0 if left is None else place(left), 100.0 if right is None else place(right)
        band = _css(ends[0]), _css(ends[1] - ends[0])
    return Track(_css(low), _css(middle), _css(high - low), None if null is None else _css(place(null)), band)


def _ends(result: AuditResult) -> tuple[float, float, float] | None:
    low, middle, high = result.ci_low, result.estimate, result.ci_high
    if low is None or middle is None or high is None or not all(map(math.isfinite, (low, middle, high))):
        return None
    return low, middle, high


def _css(percent: float) -> str:
    return f"{min(max(percent, 0.0), 100.0):.2f}"
