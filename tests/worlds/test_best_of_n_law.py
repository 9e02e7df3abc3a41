"""Best-of-n of a finite law against every tuple of draws, tried one by one."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from rmx.worlds.best_of_n import best_of_draws

CHANCE = np.array([0.3, 0.05, 0.25, 0.1, 0.3])
PROXY = np.array([1.0, 4.0, 2.0, 4.0, -1.0])
GOLD = np.array([0.5, -2.0, 1.0, 3.0, 0.0])


def by_tuples(n: int) -> tuple[float, float]:
    gold = proxy = 0.0
    for draws in product(range(len(CHANCE)), repeat=n):
        chance = math.prod(CHANCE[k] for k in draws)
        highest = max(PROXY[k] for k in draws)
        best = [GOLD[k] for k in draws if PROXY[k] == highest]
        gold += chance * sum(best) / len(best)
        proxy += chance * highest
    return gold, proxy


def test_every_tuple_of_draws_gives_the_curve() -> None:
    sizes = [1, 2, 3, 5]
    curve = best_of_draws(CHANCE, PROXY, GOLD, sizes)
    for place, n in enumerate(sizes):
        assert (curve.gold[place], curve.proxy[place]) == pytest.approx(by_tuples(n))


def test_proxies_that_differ_by_rounding_alone_tie() -> None:
    exact = best_of_draws(CHANCE, PROXY, GOLD, [4])
    rounded = best_of_draws(CHANCE, PROXY + np.array([0, 1e-14, 0, -1e-14, 0]), GOLD, [4])
    assert rounded.gold == pytest.approx(exact.gold)


def test_in_the_limit_the_highest_proxy_wins() -> None:
    curve = best_of_draws(CHANCE, PROXY, GOLD, [1, 8, 10_000])
    assert curve.gold[-1] == pytest.approx((0.05 * -2 + 0.1 * 3) / 0.15)
    assert curve.proxy[-1] == pytest.approx(4.0)
    assert curve.peak == 10_000
    assert best_of_draws(CHANCE, PROXY, -GOLD, [1, 8, 10_000]).peak == 1
