"""How clear pairs are to annotators: a symmetric beta-binomial fitted to their votes by maximum likelihood."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rmx.audits.statistics.clusters import Clusters
from rmx.audits.statistics.intervals import Interval, t_interval

__all__ = ["beta_ceiling", "fit_beta_ceiling"]

Floats = NDArray[np.float64]
LIMITS = (-7.0, 7.0)
"""Range of log alpha: from pairs that everybody agrees on (.0009) to pairs that are coins (1,100)."""
STEP = 1e-4


def beta_ceiling(log_alpha: float) -> float:
    """Return E max(q, 1 - q) for q ~ Beta(alpha, alpha), which is 1/2 + 2^(-2 alpha) / (alpha B(alpha, alpha)).

    One half plus the mean absolute deviation of the beta distribution (Johnson, Kotz & Balakrishnan 1995, ch. 25).
    """
    from scipy.special import betaln

    alpha = math.exp(log_alpha)
    return 0.5 + math.exp(-2 * alpha * math.log(2) - log_alpha - float(betaln(alpha, alpha)))


def fit_beta_ceiling(first: NDArray[np.int64], second: NDArray[np.int64], clusters: Clusters) -> Interval | None:
    """Return the ceiling at the most likely alpha, or None where the votes agree no more than coins or never differ.

    Pair i has chance q_i ~ Beta(alpha, alpha) that an annotator votes for its first side; which side is called first
    must not matter, so the beta is symmetric. The interval is that of log alpha, from the influence score/information
    of every pair summed by group (the infinitesimal jackknife), carried through the monotone ceiling: it stays within
    (1/2, 1).

    Args:
        first: Votes for one side of each pair, shape (pairs,).
        second: Votes for the other side.
        clusters: Groups of the pairs.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import betaln

    def log_likelihood(log_alpha: float) -> Floats:
        alpha = math.exp(log_alpha)
        return np.asarray(betaln(first + alpha, second + alpha) - betaln(alpha, alpha))

    found = minimize_scalar(
        lambda x: -float(log_likelihood(x).sum()), bounds=LIMITS, method="bounded", options={"xatol": 1e-8}
    )
    best = float(found.x)
    if not LIMITS[0] + 0.1 < best < LIMITS[1] - 0.1:
        return None
    below, at, above = (log_likelihood(best + step) for step in (-STEP, 0.0, STEP))
    information = -float((above - 2 * at + below).sum()) / STEP**2
    influence = (above - below) / (2 * STEP) / information
    inner = t_interval(best, influence, clusters, size=1.0)
    slope = (beta_ceiling(best + STEP) - beta_ceiling(best - STEP)) / (2 * STEP)
    ceiling, method = beta_ceiling(best), "cluster-robust t on log alpha"
    if inner.low is None or inner.high is None or inner.standard_error is None:
        return Interval(ceiling, None, None, method)
    # A larger alpha means less clear pairs: the ends change places.
    error = abs(slope) * inner.standard_error
    return Interval(ceiling, beta_ceiling(inner.high), beta_ceiling(inner.low), method, error)
