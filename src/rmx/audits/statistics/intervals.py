"""95% intervals: cluster-robust t, Wilson with an effective sample size, and differences of proportions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmx.audits.statistics.clusters import FEW_GROUPS, Clusters

__all__ = [
    "Interval",
    "difference_of_proportions",
    "interval_of_error",
    "mean_interval",
    "paired_difference",
    "proportion_above",
    "proportion_interval",
    "t_interval",
    "t_quantile",
    "unseen_share",
]

CONFIDENCE = 0.95
ROUNDING = 1e-12
"""A standard error below this share of the values' size is rounding: equal numbers need not have exactly their mean."""

T = "cluster-robust t"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95% interval; bounds are None where the sample leaves nothing to estimate them from."""

    estimate: float
    low: float | None
    high: float | None
    method: str
    standard_error: float | None = None
    p_value: float | None = None
    """Two-sided, of the null value the caller named."""
    draws: int | None = None
    seed: int | None = None


def t_quantile(degrees: float, confidence: float = CONFIDENCE) -> float:
    """Return the t quantile of a two-sided interval."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + confidence / 2))


def _normal_quantile(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def t_interval(
    estimate: float,
    influence: Floats,
    clusters: Clusters,
    *,
    weights: Floats | None = None,
    null: float | None = None,
    support: tuple[float, float] | None = None,
    size: float | None = None,
) -> Interval:
    """Return estimate ± t × cluster-robust standard error.

    Without variance between groups that would be a point, which a sample cannot prove: groups unlike all that were
    seen may have a share of up to the Wilson bound of zero events. Where `support` says how far such a group can lie,
    the interval reaches as far as that share can move the mean; else, and below `FEW_GROUPS` groups, there is none.

    Args:
        estimate: The estimate.
        influence: Influence of each observation on it, shape (n,); see `Clusters.standard_error`.
        clusters: Groups of the observations.
        weights: Weights of the observations in the estimator, for the degrees of freedom; equal if not given.
        null: Value whose two-sided p-value is wanted.
        support: Least and greatest value a group can have, for an estimate that is a mean; not given for any other.
        size: Size of the numbers the estimate was made of, to tell variance from rounding; its own if not given.
    """
    error = clusters.standard_error(influence)
    if not math.isfinite(error):
        return Interval(estimate, None, None, T)
    weights = np.ones(len(influence)) if weights is None else weights
    if error <= ROUNDING * (abs(estimate) if size is None else size):
        if support is None or clusters.count < FEW_GROUPS:
            return Interval(estimate, None, None, T)
        share = unseen_share(_groups_that_count(weights, clusters))
        low, high = (estimate + share * (end - estimate) for end in support)
        return Interval(estimate, low, high, "zero-variance bound", 0.0)
    return interval_of_error(estimate, error, clusters.degrees(weights), null=null)


def interval_of_error(estimate: float, error: float, degrees: float, *, null: float | None = None) -> Interval:
    """Return estimate ± t × a standard error that is at hand and above zero."""
    reach = t_quantile(degrees) * error
    p_value = None
    if null is not None:
        from scipy.special import stdtr

        p_value = float(2 * stdtr(degrees, -abs(estimate - null) / error))
    return Interval(estimate, estimate - reach, estimate + reach, T, error, p_value)


def mean_interval(
    values: Floats, clusters: Clusters, *, null: float | None = None, support: tuple[float, float] | None = None
) -> Interval:
    """Return the cluster-robust t interval of a mean of values within `support`, if that is known."""
    mean = float(values.mean())
    size = float(np.abs(values).max())
    return t_interval(mean, (values - mean) / len(values), clusters, null=null, support=support, size=size)


def unseen_share(groups: float) -> float:
    """Return the largest share of groups of a kind that may exist though none of so many was of it (95%, Wilson)."""
    from statsmodels.stats.proportion import proportion_confint

    return float(proportion_confint(0, groups, alpha=1 - CONFIDENCE, method="wilson")[1])


def proportion_interval(
    estimate: float,
    influence: Floats,
    clusters: Clusters,
    *,
    weights: Floats | None = None,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return the Wilson interval of a proportion at its effective sample size.

    The effective size is p(1-p)/SE², SE cluster-robust, at most the number of observations, shrunk by (z/t)² for few
    groups (Korn & Graubard 1998); where the sample shows no variance at all (every pair right), it is the number of
    groups. Unlike a t interval it stays inside [0, 1] and does not collapse at 0 and 1. With one observation per group
    and no ties it is the plain Wilson interval.
    """
    from statsmodels.stats.proportion import proportion_confint

    error = clusters.standard_error(influence)
    if not math.isfinite(error):
        return Interval(estimate, None, None, "cluster Wilson")
    method = "cluster Wilson"
    if clusters.single and weights is None:
        size, method = float(len(influence)), "Wilson"
    else:
        weights = np.ones(len(influence)) if weights is None else weights
        size = _effective_size(estimate, error, clusters, weights, confidence)
    low, high = proportion_confint(estimate * size, size, alpha=1 - confidence, method="wilson")
    return Interval(estimate, float(low), float(high), method, error)


def proportion_above(estimate: float, error: float, null: float, clusters: Clusters, weights: Floats) -> float:
    """Return the one-sided p-value of a proportion against a smaller one.

    The chance of as many successes or more under `null` at the effective sample size (see `proportion_interval`), which
    for independent observations is the exact binomial test.

    Args:
        estimate: The proportion.
        error: Standard error of estimate - null, which may itself be estimated.
        null: The proportion under the null hypothesis.
        clusters: Groups of the observations.
        weights: Weights of the observations in the estimator.
    """
    from scipy.special import betainc

    if estimate <= 0 or math.isnan(error):
        return 1.0
    size = _effective_size(estimate, error, clusters, weights, CONFIDENCE)
    return float(betainc(estimate * size, (1 - estimate) * size + 1, null))


def _effective_size(estimate: float, error: float, clusters: Clusters, weights: Floats, confidence: float) -> float:
    """Return how many independent observations would know a proportion as well."""
    at_most = float(weights.sum() ** 2 / np.dot(weights, weights))
    size = min(estimate * (1 - estimate) / error**2, at_most) if error > 0 else _groups_that_count(weights, clusters)
    return size * (_normal_quantile(confidence) / t_quantile(clusters.degrees(weights), confidence)) ** 2


def _groups_that_count(weights: Floats, clusters: Clusters) -> float:
    """Return Kish's effective number of groups."""
    sizes = clusters.sums(weights)
    return float(sizes.sum() ** 2 / np.dot(sizes, sizes))


def paired_difference(differences: Floats, clusters: Clusters) -> Interval:
    """Return the mean of per-pair differences of two scorers' wins (in [-1, 1]), tested against zero.

    Where not one pair differs from the mean, agreement on few pairs proves nothing: see `t_interval`.
    """
    return mean_interval(differences, clusters, null=0.0, support=(-1.0, 1.0))


def difference_of_proportions(first: Interval, second: Interval) -> Interval:
    """Return first - second of independent samples from their Wilson intervals (Newcombe 1998, method 10)."""
    estimate = first.estimate - second.estimate
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Interval(estimate, None, None, "Newcombe")
    low = estimate - math.hypot(first.estimate - first.low, second.high - second.estimate)
    high = estimate + math.hypot(first.high - first.estimate, second.estimate - second.low)
    error = math.hypot(first.standard_error or 0.0, second.standard_error or 0.0)
    p_value = math.erfc(abs(estimate) / error / math.sqrt(2)) if error > 0 else None
    return Interval(estimate, low, high, "Newcombe on cluster Wilson", error, p_value)
