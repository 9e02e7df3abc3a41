"""McNemar's test with the mid-p correction, for two scorers on pairs that are all independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["mid_p"]


def mid_p(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the two-sided mid-p value that two scorers order equally many pairs correctly.

    Exact binomial p-value of the discordant pairs minus the probability of the outcome itself (Fagerland et al. 2013):
    less conservative than the exact test, still at its level in practice. A pair with a tie is not discordant unless
    the other scorer orders it; it then counts half a pair in favour of the better, rounded to whole pairs.

    Args:
        first: Wins of the first scorer, shape (n,): 1, 0.5 or 0.
        second: Wins of the second scorer on the same pairs.
    """
    from scipy.stats import binom
    from statsmodels.stats.contingency_tables import mcnemar

    difference = first - second
    better = round(float(difference[difference > 0].sum()))
    worse = round(float(-difference[difference < 0].sum()))
    if better + worse == 0:
        return 1.0
    exact = float(mcnemar([[0, better], [worse, 0]], exact=True).pvalue)
    chance = float(binom.pmf(min(better, worse), better + worse, 0.5))
    # Where both sides are equal the doubled tail already exceeds one by the point itself.
    return 1.0 - chance / 2 if better == worse else exact - chance
