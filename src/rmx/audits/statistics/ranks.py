"""Rank statistics of weighted observations, so that a bootstrap can draw groups by weight."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["ranker", "weighted_correlation"]

Floats = NDArray[np.float64]


def ranker(values: Floats) -> Callable[[Floats], Floats]:
    """Return a function of weights giving mid-ranks: the weight below a value plus half the weight at it."""
    distinct, codes = np.unique(values, return_inverse=True)

    def ranks(weights: Floats) -> Floats:
        mass = np.bincount(codes, weights=weights, minlength=len(distinct))
        return np.asarray((np.cumsum(mass) - mass / 2)[codes])

    return ranks


def weighted_correlation(first: Floats, second: Floats, weights: Floats) -> float:
    """Return the Pearson correlation, of ranks Spearman's; NaN where one side does not vary."""
    total = weights.sum()
    x, y = first - weights @ first / total, second - weights @ second / total
    spread = float((weights @ (x * x)) * (weights @ (y * y)))
    return float(weights @ (x * y)) / spread**0.5 if spread > 0 else float("nan")
