"""What a sample of this size can show: the detectable effect, and the size at which a tolerance can be proved."""

from __future__ import annotations

import math

from rmx.audits.statistics import Interval
from rmx.audits.verdict import Bounds

__all__ = ["detectable_effect", "needed"]

DETECT = 2.80
"""Standard errors of an effect found with power .80 at two-sided .05: 1.96 + 0.84."""
EQUIVALENCE = 3.24
"""Standard errors of room on each side in which a 95% interval lies with power .80: 1.96 + 1.28."""


def detectable_effect(interval: Interval) -> float | None:
    """Return 2.80 standard errors; None where there is no standard error, or no variance to learn it from."""
    if not interval.standard_error or not math.isfinite(interval.standard_error):
        return None
    return DETECT * interval.standard_error


def needed(estimate: float, standard_error: float | None, bounds: Bounds, pairs: int) -> int | None:
    """Return about how many pairs (at the same pairs per group) the bounds need to be provable with power .80.

    The standard error shrinks with the square root of the pairs. For bounds on both sides the true value is taken to be
    their middle; for one side, to be the estimate: None where that lies on the wrong side or shows no variance.
    """
    if not standard_error or not math.isfinite(standard_error):
        return None
    if bounds.low is not None and bounds.high is not None:
        room, errors = (bounds.high - bounds.low) / 2, EQUIVALENCE
    elif bounds.low is not None:
        room, errors = estimate - bounds.low, DETECT
    elif bounds.high is not None:
        room, errors = bounds.high - estimate, DETECT
    else:
        return None
    return math.ceil(pairs * (errors * standard_error / room) ** 2) if room > 0 else None
