"""A2: paired comparison of two scorers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from slices import one, scores, wins_to_margins

from rmx.audits.paired import Paired


def test_difference_and_exact_test_on_independent_pairs() -> None:
    mine = [1] * 12 + [0] * 5 + [1] * 40 + [0] * 43
    other = [0] * 12 + [1] * 5 + [1] * 40 + [0] * 43
    result = one(
        Paired(against="reference"),
        scores(wins_to_margins(mine)),
        scores(wins_to_margins(other), scorer="reference"),
    )
    assert result.estimate == pytest.approx(0.07)
    assert (result.detail["better"], result.detail["worse"]) == (12, 5)
    exact = binomtest(5, 17).pvalue
    # The doubled tail below 5 of 17, and the point itself once instead of twice.
    point = 2 * binom.pmf(5, 17, 0.5)
    assert result.p_value == pytest.approx(exact - point / 2)


def test_clusters_replace_the_exact_test() -> None:
    rng = np.random.default_rng(0)
    mine, other = (wins_to_margins(rng.integers(0, 2, 120)) for _ in range(2))
    groups = np.repeat(np.arange(30), 4)
    result = one(Paired(), scores(mine, groups=groups), scores(other, groups=groups, scorer="reference"))
    difference = (np.sign(mine) - np.sign(other)) / 2
    by_group = difference.reshape(30, 4).mean(axis=1)
    error = by_group.std(ddof=1) / np.sqrt(30)
    assert result.mde == pytest.approx(2.8 * error)
    assert result.ci_method == "cluster-robust t"


def test_other_pairs_cannot_be_compared() -> None:
    result = one(Paired(), scores([1.0, 2.0]), scores([1.0], scorer="reference"))
    assert result.status == "INCONCLUSIVE"
    assert "same pairs" in result.reason


def test_the_pairing_is_what_makes_a_small_gain_visible() -> None:
    rng = np.random.default_rng(3)
    base = rng.integers(0, 2, 800)
    better = base.copy()
    better[np.flatnonzero(base == 0)[:24]] = 1
    result = one(Paired(), scores(wins_to_margins(better)), scores(wins_to_margins(base), scorer="reference"))
    assert result.estimate == pytest.approx(0.03)
    assert result.ci_low > 0
    assert result.alarm
