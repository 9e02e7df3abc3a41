"""Intervals against statsmodels, brute force, and their promised coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from rmx.audits.statistics import (
    Clusters,
    bootstrap,
    difference_of_proportions,
    mean_interval,
    mid_p,
    paired_difference,
    percentile_interval,
    proportion_interval,
)


def test_standard_error_equals_statsmodels_cluster_covariance() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 200)
    x = rng.normal(size=200) + rng.normal(size=30)[groups]
    fit = sm.OLS(x, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    ours = mean_interval(x, Clusters(groups))
    # statsmodels' small-sample factor is G/(G-1) · (n-1)/(n-k); with a constant alone the second part is 1.
    assert ours.standard_error == pytest.approx(fit.bse[0], rel=1e-12)


def test_single_groups_give_the_classic_t_interval() -> None:
    x = np.array([1.0, 2.0, 4.0, 8.0])
    ours = mean_interval(x, Clusters(np.arange(4)))
    low, high = student.interval(0.95, 3, loc=x.mean(), scale=x.std(ddof=1) / 2)
    assert (ours.low, ours.high) == pytest.approx((low, high))


def test_standard_error_agrees_with_the_bootstrap() -> None:
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 80, 400)
    x = (rng.random(400) < rng.beta(2, 1, 80)[groups]).astype(float)
    clusters = Clusters(groups)
    draws = bootstrap(lambda w: np.array([w @ x / w.sum()]), clusters, draws=2000, seed=0)
    assert mean_interval(x, clusters).standard_error == pytest.approx(draws.std(), rel=0.08)


def test_bootstrap_draws_depend_on_seed_alone() -> None:
    clusters = Clusters(np.arange(20))
    first, again, other = (bootstrap(lambda w: w, clusters, draws=5, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first.sum(axis=1) == 20).all()


def test_wilson_is_statsmodels_where_pairs_are_independent() -> None:
    wins = np.array([1.0] * 14 + [0.0] * 6)
    interval = proportion_interval(0.7, (wins - 0.7) / 20, Clusters(np.arange(20)))
    assert (interval.low, interval.high) == pytest.approx(proportion_confint(14, 20, method="wilson"))
    assert interval.method == "Wilson"


def test_duplicating_every_pair_within_its_group_adds_no_information() -> None:
    rng = np.random.default_rng(2)
    wins = (rng.random(50) < 0.7).astype(float)
    twice, groups = np.repeat(wins, 2), np.repeat(np.arange(50), 2)
    once = mean_interval(wins, Clusters(np.arange(50)))
    doubled = mean_interval(twice, Clusters(groups))
    assert (doubled.low, doubled.high) == pytest.approx((once.low, once.high))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_perfect_sample_has_no_interval_of_width_zero(value: float) -> None:
    groups = np.repeat(np.arange(10), 5)
    interval = proportion_interval(value, np.zeros(50), Clusters(groups))
    reach = proportion_confint(0, 10, method="wilson")[1]
    assert interval.high - interval.low >= reach
    assert 0 <= interval.low <= value <= interval.high <= 1


def test_one_group_has_no_interval() -> None:
    clusters = Clusters(np.zeros(30, dtype=int))
    wins = np.tile([0.0, 1.0], 15)
    for interval in (mean_interval(wins, clusters), proportion_interval(0.5, (wins - 0.5) / 30, clusters)):
        assert interval.low is None
        assert interval.high is None
    replicates = bootstrap(lambda w: np.array([w @ wins / w.sum()]), clusters, draws=20, seed=0)
    assert percentile_interval(0.5, replicates[:, 0], clusters, draws=20, seed=0).low is None


def test_newcombe_is_statsmodels_on_independent_pairs() -> None:
    def sample(right: int, n: int):
        wins = np.array([1.0] * right + [0.0] * (n - right))
        return proportion_interval(right / n, (wins - right / n) / n, Clusters(np.arange(n)))

    ours = difference_of_proportions(sample(56, 70), sample(48, 80))
    low, high = confint_proportions_2indep(56, 70, 48, 80, method="newcomb")
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)
    assert ours.estimate == pytest.approx(0.2)


def test_agreement_on_every_pair_proves_nothing_on_few() -> None:
    interval = paired_difference(np.zeros(20), Clusters(np.arange(20)))
    assert interval.low < 0 < interval.high
    assert interval.high == pytest.approx(proportion_confint(0, 20, method="wilson")[1])


@given(better=st.integers(0, 9), worse=st.integers(0, 9))
def test_mid_p_counts_outcomes_as_extreme_with_the_own_point_at_half(better: int, worse: int) -> None:
    n, smaller = better + worse, min(better, worse)
    tail = sum(math.comb(n, k) for k in range(smaller)) + math.comb(n, smaller) / 2
    expected = (
        1.0 if n == 0 else min(1.0, 2 * tail / 2**n) if better != worse else 1 - math.comb(n, better) / 2 ** (n + 1)
    )
    first = np.array([1.0] * better + [0.0] * worse + [1.0])
    second = np.array([0.0] * better + [1.0] * worse + [1.0])
    assert mid_p(first, second) == pytest.approx(expected)
    assert mid_p(second, first) == pytest.approx(expected)


def _beta_binomial(rng: np.random.Generator, groups: int, p: float, icc: float, *, equal: bool):
    k = (1 - icc) / icc
    sizes = np.full(groups, 8) if equal else 1 + rng.geometric(0.15, groups)
    codes = np.repeat(np.arange(groups), sizes)
    return (rng.random(len(codes)) < rng.beta(p * k, (1 - p) * k, groups)[codes]).astype(float), Clusters(codes)


@pytest.mark.parametrize(("groups", "p", "equal"), itertools.product([8, 20, 60, 200], [0.7, 0.9], [True, False]))
def test_cluster_wilson_covers_the_truth_where_the_naive_interval_does_not(groups: int, p: float, equal: bool) -> None:
    rng = np.random.default_rng(groups)
    hits = naive = 0
    for _ in range(200):
        wins, clusters = _beta_binomial(rng, groups, p, 0.3, equal=equal)
        mean = wins.mean()
        interval = proportion_interval(mean, (wins - mean) / len(wins), clusters)
        hits += interval.low <= p <= interval.high
        naive += abs(mean - p) <= 1.96 * math.sqrt(mean * (1 - mean) / len(wins))
    # Two-sided 95%: fewer than 180 of 200 has a chance below .002.
    assert hits >= 180
    assert naive < 170


@pytest.mark.parametrize("groups", [10, 40])
def test_expanded_percentile_covers_a_median(groups: int) -> None:
    rng = np.random.default_rng(groups)
    hits = 0
    for _ in range(100):
        codes = np.repeat(np.arange(groups), 5)
        x = rng.normal(size=groups)[codes] * 0.65 + rng.normal(size=len(codes)) * 0.76
        order = np.argsort(x)

        def median(weights: np.ndarray, x: np.ndarray = x, order: np.ndarray = order) -> np.ndarray:
            mass = np.cumsum(weights[order])
            return x[order][np.searchsorted(mass, [mass[-1] / 2])]

        clusters = Clusters(codes)
        replicates = bootstrap(median, clusters, draws=200, seed=0)
        interval = percentile_interval(float(np.median(x)), replicates[:, 0], clusters, draws=200, seed=0)
        hits += interval.low <= 0 <= interval.high
    assert hits >= 88


def test_equal_values_have_no_interval_without_a_bound_on_what_was_not_seen() -> None:
    for n in (3, 40):
        # Their mean is not exactly 0.1: rounding must not pass for variance.
        assert mean_interval(np.full(n, 0.1), Clusters(np.arange(n))).low is None
    assert paired_difference(np.zeros(14), Clusters(np.arange(14))).low is None
    certain = paired_difference(np.ones(20), Clusters(np.arange(20)))
    assert (certain.low, certain.high) == pytest.approx((1 - 2 * proportion_confint(0, 20, method="wilson")[1], 1))


def test_draws_that_agree_on_a_point_give_no_interval_of_a_rank_statistic() -> None:
    clusters = Clusters(np.arange(40))
    assert percentile_interval(1.0, np.ones(50), clusters, draws=50, seed=0).low is None
    assert percentile_interval(1.0, np.ones(50), clusters, draws=50, seed=0, probability=0.5).low == 1
