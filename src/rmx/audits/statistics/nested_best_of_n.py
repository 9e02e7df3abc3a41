"""Best-of-n from the winners of nested draws alone: a prompt costs few gold rewards, however many samples it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmx.data.text import unit_interval

__all__ = ["nested_winners", "sampling_order"]


def sampling_order(candidates: Sequence[str]) -> NDArray[np.int64]:
    """Return the samples (N,) in an order that has to do with their ids alone, and so with no reward.

    A candidate that was drawn several times has several places.
    """
    seen: dict[str, int] = {}
    keys = []
    for candidate in candidates:
        seen[candidate] = repeat = seen.get(candidate, -1) + 1
        keys.append(unit_interval(f"{candidate}/{repeat}", "nested best of n"))
    return np.argsort(np.array(keys), kind="stable")


def nested_winners(proxy: NDArray[np.float64], order: NDArray[np.int64], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return the sample of highest proxy among the first n in `order`, for each n of `sizes`.

    A winner of 2n is the winner of n half of the time: sizes 1, 2, 4 ... 2^k have 1 + k/2 distinct winners on average.
    Of samples of equal proxy the first in order wins.

    Args:
        proxy: What chooses, shape (N,).
        order: Sample numbers, shape (N,).
        sizes: Values of n, each from 1 to N.
    """
    ranked = proxy[order]
    return np.array([order[int(ranked[:n].argmax())] for n in sizes])
