"""Best-of-n of a policy whose answers are known by law: gold and proxy of the answer that a proxy likes best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BestOfN", "best_of_draws"]

Floats = NDArray[np.float64]


class BestOfN(NamedTuple):
    """Curves over n, arrays of the shape of `n`, relative to what all answers to a prompt share."""

    n: Floats
    gold: Floats
    proxy: Floats

    @property
    def peak(self) -> int:
        """N at which gold is highest."""
        return int(self.n[int(np.argmax(self.gold))])


def best_of_draws(chance: Floats, proxy: Floats, gold: Floats, sizes: Sequence[int]) -> BestOfN:
    """Return the curves of independent draws from a finite law.

    With v_1 < v_2 < ... the values of the proxy and F_k the chance of one that is at most v_k, all n draws are at most
    v_k with chance F_k^n, so the highest of them is v_k with chance F_k^n - F_(k-1)^n. Draws that tie there are draws
    of the law given that proxy: whichever is taken, blind to gold, its gold is E[gold | proxy = v_k] on average.

    Args:
        chance: Probabilities of the kinds of answer, (k,); they sum to 1.
        proxy: Their proxies, (k,); those that differ by rounding alone are one value.
        gold: Their gold rewards, or expectations of it, (k,).
        sizes: Values of n, from 1 on.
    """
    values, place = np.unique(np.round(proxy, 9), return_inverse=True)
    mass = np.bincount(place, chance)
    worth = np.bincount(place, chance * gold) / np.where(mass > 0, mass, 1)
    n = np.array(sizes, dtype=np.float64)
    below = np.cumsum(mass) / mass.sum()
    winner = np.diff(below[:, None] ** n, axis=0, prepend=0)
    return BestOfN(n=n, gold=worth @ winner, proxy=values @ winner)
