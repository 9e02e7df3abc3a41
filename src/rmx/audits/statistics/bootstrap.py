"""The cluster bootstrap: groups drawn with replacement, for statistics without a simple influence function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from rmx.audits.statistics.clusters import FEW_GROUPS, Clusters
from rmx.audits.statistics.intervals import CONFIDENCE, ROUNDING, Interval, unseen_share

__all__ = ["bootstrap", "percentile_interval"]

Floats = NDArray[np.float64]


def _group_weights(groups: int, draws: int, seed: int) -> Iterator[Floats]:
    """Yield how often each group was drawn, (G,) per draw; the same numbers for the same groups, draws and seed."""
    generator = np.random.default_rng([seed, groups])
    for _ in range(draws):
        yield np.bincount(generator.integers(0, groups, groups), minlength=groups).astype(np.float64)


def bootstrap(statistic: Callable[[Floats], Floats], clusters: Clusters, *, draws: int, seed: int) -> Floats:
    """Return the statistic (k,) of each draw, shape (draws, k).

    The weights depend only on the number of groups, `draws` and `seed`: every statistic of one table sees the same
    draws, so that differences of statistics are paired.

    Args:
        statistic: Maps weights of the observations, shape (n,), whole numbers as floats, to k numbers.
        clusters: Groups of the observations.
        draws: Number of draws.
        seed: Seed of the draws.
    """
    return np.array([statistic(weights[clusters.codes]) for weights in _group_weights(clusters.count, draws, seed)])


def percentile_interval(
    estimate: float,
    replicates: Floats,
    clusters: Clusters,
    *,
    draws: int,
    seed: int,
    probability: float | None = None,
) -> Interval:
    """Return the expanded percentile interval of one bootstrapped statistic.

    A percentile interval is too narrow by sqrt((G-1)/G) and z instead of t; its tails are widened to
    Phi(-sqrt(G/(G-1)) t) (Hesterberg 2015, section 5.3), which matters below about 30 groups. Draws in which the
    statistic is undefined (NaN) are left out; with more than one in twenty undefined there is no interval.

    Draws repeat the sample, so where they agree on a point they say nothing of groups unlike it, and there is no
    interval either. The exception is the quantile at a given `probability`: once all that the sample cannot have missed
    is less than either side of it, the point stands, as it does for a scorer that knows few distinct margins.
    """
    method = "cluster bootstrap, expanded percentile"
    usable = replicates[np.isfinite(replicates)]
    if clusters.count < 2 or len(usable) < 0.95 * len(replicates):
        return Interval(estimate, None, None, method, draws=draws, seed=seed)
    from scipy.special import ndtr, stdtrit

    groups = clusters.count
    tail = float(ndtr(-math.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, 0.5 + CONFIDENCE / 2)))
    low, high = np.quantile(usable, [tail, 1 - tail])
    if high - low <= ROUNDING * max(abs(low), abs(high)) and (
        probability is None or groups < FEW_GROUPS or unseen_share(groups) >= min(probability, 1 - probability)
    ):
        return Interval(estimate, None, None, method, draws=draws, seed=seed)
    return Interval(estimate, float(low), float(high), method, float(usable.std(ddof=1)), draws=draws, seed=seed)
