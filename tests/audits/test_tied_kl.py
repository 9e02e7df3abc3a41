"""The divergence of best-of-n with ties against all draws counted one by one, and against the density on a grid."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.audits.statistics import best_of_n_kl, tied_best_of_n_kl

SIZES = (1, 2, 4, 7, 16)


@pytest.mark.parametrize("proxy", [[0, 0, 1, 1, 1, 2, 2], [3, 3], [5, 1, 5, 1, 1, 1]])
def test_where_every_outcome_repeats_it_is_that_of_the_empirical_distribution(proxy: list[int]) -> None:
    for n in (1, 2, 3, 4):
        # Every sample is an outcome of its own: ties are broken among the draws that are best, each as likely.
        chosen: Counter[int] = Counter()
        for draws in product(range(len(proxy)), repeat=n):
            best = [i for i in draws if proxy[i] == max(proxy[j] for j in draws)]
            for i in best:
                chosen[i] += 1 / len(best)  # type: ignore[assignment]
        total = len(proxy) ** n
        expected = sum(c / total * log(c / total * len(proxy)) for c in chosen.values())
        assert tied_best_of_n_kl(np.array(proxy, float), (n,))[0] == pytest.approx(expected, abs=1e-12)


def test_ties_among_others_are_averaged_over_their_share() -> None:
    proxy = np.array([0.0, 1, 1, 1, 2, 3, 3, 4])
    edges = np.array([0, 1, 4, 5, 7, 8]) / 8
    u = (np.arange(800_000) + 0.5) / 800_000
    for n in (2, 5, 9):
        density = n * u ** (n - 1)
        for low, high in ((edges[1], edges[2]), (edges[3], edges[4])):
            inside = (u > low) & (u < high)
            density[inside] = density[inside].mean()
        expected = float((density * np.log(np.maximum(density, 1e-300))).mean())
        assert tied_best_of_n_kl(proxy, (n,))[0] == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_it_is_between_nothing_and_the_bound_and_rises(proxy: list[int]) -> None:
    found = tied_best_of_n_kl(np.array(proxy, float), SIZES)
    bound = np.array([best_of_n_kl(n) for n in SIZES])
    assert (found >= -1e-12).all()
    assert (found <= bound + 1e-12).all()
    assert (np.diff(found) >= -1e-12).all()
    assert found[0] == pytest.approx(0, abs=1e-12)


def test_without_ties_it_is_the_bound_and_of_one_outcome_nothing() -> None:
    untied = np.random.default_rng(0).normal(size=40)
    assert tied_best_of_n_kl(untied, SIZES) == pytest.approx([best_of_n_kl(n) for n in SIZES])
    assert tied_best_of_n_kl(np.zeros(9), SIZES) == pytest.approx(np.zeros(len(SIZES)))
