"""When an interval proves a bound, when it refutes it, and when it leaves the question open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rmx.domain import Verdict

__all__ = ["Bounds", "judge"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a metric may lie; None is unbounded, a strict side excludes the bound itself."""

    low: float | None
    high: float | None
    low_strict: bool = False
    high_strict: bool = False

    @classmethod
    def closed(cls, low: float | None, high: float | None) -> Bounds:
        """Return bounds that include their ends."""
        return cls(low, high)

    def contain(self, low: float, high: float) -> bool:
        """Whether all of [low, high] lies inside."""
        above = self.low is None or (low > self.low if self.low_strict else low >= self.low)
        below = self.high is None or (high < self.high if self.high_strict else high <= self.high)
        return above and below

    def exclude(self, low: float, high: float) -> bool:
        """Whether all of [low, high] lies outside, on one side."""
        under = self.low is not None and (high <= self.low if self.low_strict else high < self.low)
        over = self.high is not None and (low >= self.high if self.high_strict else low > self.high)
        return under or over


def judge(estimate: float | None, low: float | None, high: float | None, bounds: Bounds) -> Verdict:
    """Return PASS if the whole interval is inside the bounds, FAIL if it is wholly outside, else INCONCLUSIVE.

    A NaN fails whatever the bounds: comparisons with NaN are false and must never read as a pass.
    """
    if any(value is not None and math.isnan(value) for value in (estimate, low, high)):
        return "FAIL"
    if estimate is None or low is None or high is None:
        return "INCONCLUSIVE"
    if bounds.contain(low, high):
        return "PASS"
    return "FAIL" if bounds.exclude(low, high) else "INCONCLUSIVE"
