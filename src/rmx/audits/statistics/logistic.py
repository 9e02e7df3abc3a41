"""Logistic regression by maximum likelihood, with the influence of every observation on its coefficients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogisticFit", "fit_logistic"]

Floats = NDArray[np.float64]

STEPS = 50
CONVERGED = 1e-10
RANK = 1e-12
"""Least share of the largest information that a direction has to have, squares of the terms likewise."""


class LogisticFit(NamedTuple):
    """A fitted regression: P(target) = σ(design · coefficients)."""

    coefficients: Floats
    """Shape (terms,)."""
    influence: Floats
    """First-order effect of each observation on each coefficient, shape (n, terms); see `Clusters.standard_error`."""


def fit_logistic(design: Floats, target: Floats) -> LogisticFit | None:
    """Fit by Newton's method; None where no finite coefficients are most likely, as when a term separates the targets.

    Influences are residual times the inverse information: summed by group they give the cluster-robust sandwich.

    Args:
        design: Terms of each observation, shape (n, terms); a constant is a term like any other.
        target: Shares within [0, 1], shape (n,): 0, 1, or one half for a tie.
    """
    from scipy.special import expit

    coefficients = np.zeros(design.shape[1])
    likelihood = _log_likelihood(design @ coefficients, target)
    for _ in range(STEPS):
        logits = design @ coefficients
        chance, miss = expit(logits), expit(-logits)
        # Not target - chance, which would be exactly 0 where terms separate the targets: that looked like a fit.
        rest = target * miss - (1 - target) * chance
        information = (design * (chance * miss)[:, None]).T @ design
        bread = np.linalg.pinv(information)
        step = bread @ (design.T @ rest)
        if np.abs(step).max() < CONVERGED:
            # Without steps along a term that separates all targets but those where it is 0: its information has gone.
            if _rank(information) < _rank(design.T @ design):
                return None
            return LogisticFit(coefficients, rest[:, None] * (design @ bread))
        # A whole step can overshoot; half of one, or less, cannot make it worse for ever.
        while (reached := _log_likelihood(design @ (coefficients + step), target)) < likelihood - CONVERGED:
            step = step / 2
        coefficients, likelihood = coefficients + step, reached
    return None


def _rank(squares: Floats) -> int:
    return int(np.linalg.matrix_rank(squares, rtol=RANK, hermitian=True))


def _log_likelihood(logits: Floats, target: Floats) -> float:
    return float(-(target * np.logaddexp(0, -logits) + (1 - target) * np.logaddexp(0, logits)).sum())
