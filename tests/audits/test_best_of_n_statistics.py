"""The best-of-n U-statistic, against every subset and every order of tied samples."""

from __future__ import annotations

from itertools import combinations, permutations
from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.stats import norm

from rmx.audits.statistics import best_of_n, best_of_n_kl, best_of_n_sizes, best_of_n_wins


def enumerate_all(proxy: list[float], values: list[float], n: int) -> tuple[float, float]:
    """Expected value of the best of n, and its win rate against a further sample, by going through everything."""
    means, wins = [], []
    for subset in combinations(range(len(proxy)), n):
        top = max(proxy[i] for i in subset)
        # However a tie is broken, each of the tied is first equally often.
        best = [i for i in subset if proxy[i] == top]
        means.append(np.mean([values[i] for i in best]))
        outside = [j for j in range(len(proxy)) if j not in subset]
        for i in best:
            for j in outside:
                win = 1.0 if values[i] > values[j] else 0.5 if values[i] == values[j] else 0.0
                wins.append((win, 1 / len(best)))
    weights = np.array([w for _, w in wins])
    return float(np.mean(means)), float(np.average([w for w, _ in wins], weights=weights)) if wins else np.nan


numbers = st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2)), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(numbers)
def test_every_subset_with_ties(pairs: list[tuple[int, int]]) -> None:
    proxy, values = [float(p) for p, _ in pairs], [float(v) for _, v in pairs]
    sizes = tuple(range(1, len(pairs)))
    means = best_of_n(np.array(proxy), np.array(values), (*sizes, len(pairs)))
    wins = best_of_n_wins(np.array(proxy), np.array(values), sizes)
    for k, n in enumerate(sizes):
        mean, win = enumerate_all(proxy, values, n)
        assert means[k] == pytest.approx(mean, abs=1e-12)
        assert wins[k] == pytest.approx(win, abs=1e-12)
    assert means[-1] == pytest.approx(enumerate_all(proxy, values, len(pairs))[0], abs=1e-12)


def test_ties_are_the_average_over_all_orders_of_the_tied() -> None:
    proxy, values = np.array([0.0, 1.0, 1.0, 1.0, 2.0]), np.array([5.0, 1.0, -2.0, 7.0, 3.0])
    broken = [
        best_of_n(np.array([0.0, *(1 + 0.01 * np.array(order)), 2.0]), values, (1, 2, 3))
        for order in permutations(range(3))
    ]
    np.testing.assert_allclose(best_of_n(proxy, values, (1, 2, 3)), np.mean(broken, 0), atol=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=12), st.permutations(range(4)))
def test_order_of_samples_and_rising_transforms_of_the_proxy_change_nothing(
    values: list[float], order: list[int]
) -> None:
    v = np.round(np.array(values), 2)
    proxy = np.round(np.cos(v), 1)
    move = np.r_[np.array(order), np.arange(4, len(v))]
    first = best_of_n(proxy, v, (1, 2, 4))
    np.testing.assert_allclose(best_of_n(3 * proxy[move] + 1, v[move], (1, 2, 4)), first, atol=1e-9)
    np.testing.assert_allclose(
        best_of_n_wins(3 * proxy[move] + 1, v[move], (1, 2)), best_of_n_wins(proxy, v, (1, 2)), atol=1e-9
    )


def test_one_is_the_mean_and_all_is_the_best() -> None:
    v = np.random.default_rng(0).normal(size=40)
    found = best_of_n(v, v, (1, 40))
    assert found == pytest.approx([v.mean(), v.max()])
    assert best_of_n_wins(v, v, (1,)) == pytest.approx([0.5])
    # The best of n by the value itself beats one further sample in n of n + 1 orders.
    assert best_of_n_wins(v, v, (1, 3, 20)) == pytest.approx([1 / 2, 3 / 4, 20 / 21])


def test_large_counts_keep_their_precision() -> None:
    v = np.arange(1000.0)
    # Largest of n numbers out of 0 ... N-1 without replacement: n (N+1) / (n+1) - 1.
    sizes = (1, 2, 64, 500)
    assert best_of_n(v, v, sizes) == pytest.approx([n * 1001 / (n + 1) - 1 for n in sizes], rel=1e-12)
    assert best_of_n_wins(v, v, sizes) == pytest.approx([n / (n + 1) for n in sizes], rel=1e-12)


def test_plug_in_is_biased_and_this_is_not() -> None:
    """16 of 32 normal samples: the truth is the expected maximum of 16, which resampling from the 32 misses."""
    x = np.linspace(-9, 9, 20_001)
    cdf, density = norm.cdf(x), norm.pdf(x)
    # Expected k-th lowest of m normals: its density is m C(m-1, k-1) F^(k-1) (1-F)^(m-k) f.
    expected = {
        (k, m): trapezoid(x * m * comb(m - 1, k - 1) * cdf ** (k - 1) * (1 - cdf) ** (m - k) * density, x)
        for k, m in [(16, 16), *((k, 32) for k in range(1, 33))]
    }
    mean_sample = np.array([expected[k, 32] for k in range(1, 33)])
    # Both are linear in the sorted samples, so that their expectations are exact.
    u_statistic = best_of_n(mean_sample, mean_sample, (16,))[0]
    plug_in = mean_sample @ np.diff((np.arange(33) / 32) ** 16)
    assert expected[16, 16] == pytest.approx(1.766, abs=5e-4)
    assert u_statistic == pytest.approx(expected[16, 16], abs=1e-9)
    assert plug_in == pytest.approx(1.655, abs=5e-4)


def test_sizes_and_divergence() -> None:
    assert best_of_n_sizes(1) == (1,)
    assert best_of_n_sizes(16) == (1, 2, 4, 8, 16)
    assert best_of_n_sizes(50) == (1, 2, 4, 8, 16, 32, 50)
    assert best_of_n_kl(1) == 0
    # Without ties the best of n has density n u^(n-1) against 1 on [0, 1].
    u = (np.arange(200_000) + 0.5) / 200_000
    for n in (4, 16, 64):
        density = n * u ** (n - 1)
        assert best_of_n_kl(n) == pytest.approx(float((density * np.log(np.maximum(density, 1e-300))).mean()), abs=1e-3)
    assert best_of_n_kl(4) == pytest.approx(log(4) - 0.75)
