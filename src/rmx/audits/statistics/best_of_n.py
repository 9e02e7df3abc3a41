"""Best-of-n from N samples of a prompt, unbiased: the average over all subsets of n, ties over all tied orders."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_of_n", "best_of_n_kl", "best_of_n_sizes", "best_of_n_wins", "tied_best_of_n_kl"]

Floats = NDArray[np.float64]


def best_of_n_sizes(largest: int) -> tuple[int, ...]:
    """Return 1, 2, 4 ... up to `largest`, which is always the last."""
    powers = [2**k for k in range(largest.bit_length()) if 2**k < largest]
    return (*powers, largest)


def best_of_n_kl(size: int) -> float:
    """Return log n - (n-1)/n nats, the divergence of best-of-n from the policy.

    Exact where no two outputs tie, an upper bound otherwise (Beirami et al. 2024, arXiv 2401.01879).
    """
    return math.log(size) - (size - 1) / size


def tied_best_of_n_kl(proxy: Floats, sizes: tuple[int, ...]) -> Floats:
    """Return the divergence of best-of-n from the policy in nats where some samples tie, (sizes,).

    Samples of equal proxy (one output drawn again, or several between which the proxy does not decide) are read as an
    outcome of the chance m that they have among the samples; F is the chance of a lower proxy. One of n draws taken at
    random from the best comes from there with p = (F + m)^n - F^n, spread as the policy spreads it, and adds
    p log(p / m). A sample that ties with none is read as one of countless outcomes that share its m, and adds what the
    density n u^(n-1) has between F and F + m. So it is log n - (n-1)/n without ties, the exact divergence over the
    empirical distribution where every outcome repeats, and never more than log n - (n-1)/n.

    Args:
        proxy: What chooses, shape (N,).
        sizes: Values of n, from 1 on.
    """
    _, starts, ends = _tied(proxy)
    total = len(proxy)
    n = np.array(sizes, dtype=np.float64)
    low, high = (starts / total)[:, None] ** n, (ends / total)[:, None] ** n
    chance = high - low
    mass = ((ends - starts) / total)[:, None]
    atoms = chance * np.log(np.where(chance > 0, chance / mass, 1.0))
    # With w = u^n the integral of n u^(n-1) log(n u^(n-1)) is w log n + (1 - 1/n)(w log w - w).
    smooth = chance * np.log(n) + (1 - 1 / n) * (_w_log_w(high) - high - _w_log_w(low) + low)
    found: Floats = np.where((ends - starts > 1)[:, None], atoms, smooth).sum(0)
    return found


def _w_log_w(w: Floats) -> Floats:
    return w * np.log(np.where(w > 0, w, 1.0))


def best_of_n(proxy: Floats, values: Floats, sizes: tuple[int, ...]) -> Floats:
    """Return the expected value of the sample with the highest proxy among n drawn without replacement, (sizes,).

    With samples sorted by proxy, R(n) = sum_i C(i-1, n-1) / C(N, n) v_(i), the U-statistic of Nakano et al. 2021
    (arXiv 2112.09332, appendix I). Samples of equal proxy share the weight of their places: whatever order breaks the
    tie, this is its average.

    Args:
        proxy: What chooses, shape (N,).
        values: What is read of the chosen one, shape (N,).
        sizes: Values of n, each from 1 to N.
    """
    order, starts, ends = _tied(proxy)
    chances = _chances(len(proxy), sizes)
    means = np.add.reduceat(values[order], starts) / (ends - starts)
    found: Floats = means @ (chances[ends] - chances[starts])
    return found


def best_of_n_wins(proxy: Floats, values: Floats, sizes: tuple[int, ...]) -> Floats:
    """Return how often the best of n has a higher value than one further sample, equal values counted one half.

    The average over all subsets of n and all samples outside them, (sizes,); by symmetry 1/2 for n = 1.

    Args:
        proxy: What chooses, shape (N,).
        values: What decides who wins, shape (N,).
        sizes: Values of n, each from 1 to N - 1.
    """
    order, starts, ends = _tied(proxy)
    chances = _chances(len(proxy), sizes)
    sorted_values = values[order]
    # Higher value wins: sign, brought from -1 ... 1 to 0 ... 1.
    wins = (np.sign(sorted_values[:, None] - sorted_values[None, :]) + 1) / 2
    # Of each sample: its wins over samples of lower, of higher and of equal proxy; it is no rival of itself.
    before = np.add.reduceat(wins, starts, axis=1).cumsum(1)
    block = np.repeat(np.arange(len(starts)), ends - starts)
    places = np.arange(len(proxy))
    lower = np.where(block > 0, before[places, block - 1], 0.0)
    higher = before[:, -1] - before[places, block]
    beside = before[places, block] - lower - 0.5
    # The sample at place i (from 0) is the best of C(i, n-1) subsets, of C(i-1, n-1) that lack a given lower sample.
    best = np.diff(chances, axis=0)
    without = np.vstack([np.zeros((1, len(sizes))), best[:-1]])
    # Within a tie every place, and every two places, are equally likely.
    count = (ends - starts)[:, None]
    inside_higher = ends[block] - 1 - places
    inside_lower = places - starts[block]
    shared = np.add.reduceat(best * inside_higher[:, None] + without * inside_lower[:, None], starts)
    shared = shared / np.maximum(count * (count - 1), 1)
    mean_best = (np.add.reduceat(best, starts) / count)[block]
    mean_without = (np.add.reduceat(without, starts) / count)[block]
    total = higher @ mean_best + lower @ mean_without + beside @ shared[block]
    return np.asarray(total / (len(proxy) - np.array(sizes)))


def _tied(proxy: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the order of rising proxy, and the first place and the place after the last of each run of equal ones."""
    order = np.argsort(proxy, kind="stable")
    ranked = proxy[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    return order, starts, np.r_[starts[1:], len(proxy)]


@lru_cache(maxsize=64)
def _chances(total: int, sizes: tuple[int, ...]) -> Floats:
    """Return C(i, n) / C(N, n), the chance that n samples all come from the lowest i, shape (N + 1, sizes)."""
    below = np.arange(total + 1, dtype=np.float64)
    found = np.empty((total + 1, len(sizes)))
    chance, drawn = np.ones(total + 1), 0
    for column, size in enumerate(sizes):
        while drawn < size:
            chance = chance * np.maximum(below - drawn, 0) / (total - drawn)
            drawn += 1
        found[:, column] = chance
    found.flags.writeable = False
    return found
