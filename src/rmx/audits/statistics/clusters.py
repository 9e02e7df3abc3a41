"""Cluster-robust standard errors and their degrees of freedom, from the influence of each observation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEW_GROUPS", "Clusters"]

FEW_GROUPS = 15
"""Below this many groups any clustered interval is approximate, and results say so."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """Which group each observation belongs to; groups are the independent units."""

    labels: NDArray[np.generic]
    """Group of each observation, shape (n,): codes or names."""

    @cached_property
    def _numbered(self) -> tuple[int, NDArray[np.int64]]:
        names, codes = np.unique(self.labels, return_inverse=True)
        return len(names), codes.astype(np.int64)

    @property
    def count(self) -> int:
        """Number of distinct groups, G."""
        return self._numbered[0]

    @property
    def codes(self) -> NDArray[np.int64]:
        """Group number of each observation, 0 to G - 1."""
        return self._numbered[1]

    @property
    def single(self) -> bool:
        """Every group has exactly one observation, so that clustering changes nothing."""
        return self.count == len(self.labels)

    def sums(self, values: Floats) -> Floats:
        """Return the sum of `values` (n,) within each group (G,)."""
        return np.bincount(self.codes, weights=values, minlength=self.count).astype(np.float64)

    def standard_error(self, influence: Floats) -> float:
        """Return the standard error of an estimator with the given influence values.

        `influence[i]` is the first-order effect of observation i on the estimate (for a mean: (x_i - mean) / n). The
        variance is G/(G-1) times the sum of squared group sums: the CR1 sandwich (Cameron & Miller 2015, eq. 11-12)
        without its regressor correction. NaN with fewer than two groups.
        """
        if self.count < 2:
            return float("nan")
        totals = self.sums(influence)
        return float(np.sqrt(self.count / (self.count - 1) * np.dot(totals, totals)))

    def degrees(self, weights: Floats) -> float:
        """Return Satterthwaite degrees of freedom of that variance, at least 1.

        `weights` (n,) are the weights of the observations in the estimator. With m_g the sum within group g the
        variance is dominated by (sum m_g^2)^2 / sum m_g^4 groups when groups are internally alike, the cautious case;
        G - 1 for equal groups. A few huge groups count as few groups.
        """
        sizes = self.sums(np.abs(weights)) ** 2
        alike = float(sizes.sum() ** 2 / np.dot(sizes, sizes)) if sizes.any() else 1.0
        return max(1.0, alike - 1.0)
