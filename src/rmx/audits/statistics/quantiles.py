"""Quantiles of weighted observations, as the bootstrap needs them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["weighted_quantiles"]

Floats = NDArray[np.float64]


def weighted_quantiles(values: Floats, probabilities: Floats) -> Callable[[Floats], Floats]:
    """Return a function of weights (n,) giving the quantiles: the smallest value with at least that share below it.

    NaN where all weights are zero.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]

    def quantiles(weights: Floats) -> Floats:
        mass = np.cumsum(weights[order])
        if mass[-1] == 0:
            return np.full(len(probabilities), np.nan)
        return np.asarray(ordered[np.searchsorted(mass, probabilities * mass[-1], side="left")])

    return quantiles
