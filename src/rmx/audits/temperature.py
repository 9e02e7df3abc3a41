"""The temperature of a reward: the divisor that makes sigma(margin / T) the probability of the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmx.audits.statistics import Clusters, Interval, t_interval
from rmx.score_table import ScoreView

__all__ = ["fit_temperature", "log_temperature", "nll"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Fit:
    log_temperature: float
    influence: Floats


def nll(margins: Floats) -> Floats:
    """Return -log sigma(margin) of each pair, shape (pairs,), without overflow."""
    return np.logaddexp(0.0, -margins)


def _fit(margins: Floats) -> _Fit | None:
    """Fit T by maximum likelihood; None where the likelihood has no inner maximum.

    With a = 1/T the mean of log(1 + exp(-a d)) is convex; its slope vanishes at a finite positive a exactly if the mean
    margin is positive and some margin is negative. Influence: that of an M-estimator in log T.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    if not (np.isfinite(margins).all() and margins.mean() > 0 and (margins < 0).any()):
        return None
    scale = float(np.abs(margins).mean())
    d = margins / scale

    def slope(a: float) -> float:
        return float((d * expit(-a * d)).mean())

    high = 1.0
    while slope(high) > 0:
        high *= 4
    inverse = float(brentq(slope, 0.0, high, xtol=1e-14, rtol=1e-14))
    z = inverse * d
    gradient = z * expit(-z)
    curvature = float((z * z * expit(z) * expit(-z)).sum())
    return _Fit(float(np.log(scale / inverse)), -gradient / curvature if curvature > 0 else np.zeros(len(z)))


def log_temperature(view: ScoreView) -> Interval | None:
    """Return log T of a scorer on a slice; zero is calibrated, above zero over-confident.

    None where T is not identified: every pair ordered correctly (T = 0), or no better than chance (T infinite).
    The p-value is that of the likelihood-ratio test of T = 1 where every group has one pair.
    """
    fit = _fit(view.margins)
    if fit is None:
        return None
    clusters = Clusters(view.group_codes)
    interval = t_interval(fit.log_temperature, fit.influence, clusters, null=0.0)
    if not clusters.single or interval.low is None:
        return interval
    from scipy.stats import chi2

    ratio = 2 * float((nll(view.margins) - nll(view.margins * np.exp(-fit.log_temperature))).sum())
    return Interval(
        interval.estimate,
        interval.low,
        interval.high,
        "cluster-robust t; p by likelihood ratio",
        interval.standard_error,
        float(chi2.sf(max(ratio, 0.0), 1)),
    )


def fit_temperature(view: ScoreView) -> float | None:
    """Return the temperature that calibrates a scorer on this slice (validation); None where it is not identified."""
    fit = _fit(view.margins)
    return None if fit is None else float(np.exp(fit.log_temperature))
