"""How far several estimates of the same thing lie apart, beyond what their own errors explain."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rmx.audits.statistics.intervals import CONFIDENCE, Interval

__all__ = ["between_deviation"]

Floats = NDArray[np.float64]


def between_deviation(estimates: Floats, variances: Floats) -> Interval:
    """Return the standard deviation tau between k >= 2 estimates with known error variances v, as in a meta-analysis.

    Q(tau²) = sum (x - x̄)² / (v + tau²), x̄ the mean weighted by 1 / (v + tau²), falls in tau² and has a χ² distribution
    of k - 1 degrees at the true one. The estimate solves Q = k - 1 (Paule & Mandel 1982), the interval is where Q lies
    between the quantiles (Viechtbauer 2007); each is 0 where Q(0) is smaller already. The p-value is that of tau = 0.

    Args:
        estimates: Shape (k,).
        variances: Of each one's own error, above zero, (k,).
    """
    from scipy.special import chdtrc, chdtri

    degrees = len(estimates) - 1
    tail = (1 - CONFIDENCE) / 2
    tau, low, high = (
        math.sqrt(_solve(estimates, variances, float(level)))
        for level in (degrees, chdtri(degrees, tail), chdtri(degrees, 1 - tail))
    )
    return Interval(tau, low, high, "Q profile", p_value=float(chdtrc(degrees, _q(estimates, variances, 0.0))))


def _q(estimates: Floats, variances: Floats, between: float) -> float:
    weights = 1 / (variances + between)
    mean = weights @ estimates / weights.sum()
    return float(weights @ (estimates - mean) ** 2)


def _solve(estimates: Floats, variances: Floats, level: float) -> float:
    """Return the variance between at which Q falls to `level`, 0 where it never was above."""
    from scipy.optimize import brentq

    if _q(estimates, variances, 0.0) <= level:
        return 0.0
    # At this one Q is at most the sum of squares over it, hence below the level.
    high = float(((estimates - estimates.mean()) ** 2).sum()) / level
    return float(brentq(lambda between: _q(estimates, variances, between) - level, 0.0, high, xtol=1e-15, rtol=1e-12))
