"""The spread between folds: against statsmodels, by simulation, and refused where one model scored everything."""

from __future__ import annotations

import json

import numpy as np
import pytest
from slices import one, scores, wins_to_margins
from statsmodels.stats.meta_analysis import combine_effects

from rmx.audits.fold_spread import FoldSpread
from rmx.audits.statistics import between_deviation
from rmx.score_table import FOLD_TAG


def folded(wins: np.ndarray, folds: np.ndarray, groups: np.ndarray | None = None):
    tags = [json.dumps({FOLD_TAG: str(fold)}) for fold in folds]
    return scores(wins_to_margins(wins), groups=groups, tags=tags)


def test_the_estimate_is_paule_and_mandels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        variances = rng.uniform(0.5, 2.0, 6)
        values = rng.normal(0, 3.0, 6) + rng.normal(0, np.sqrt(variances))
        other = combine_effects(values, variances, method_re="iterated")
        found = between_deviation(values, variances)
        assert found.estimate**2 == pytest.approx(other.tau2, rel=1e-4, abs=1e-4)
        assert found.low <= found.estimate <= found.high
        assert found.p_value == pytest.approx(other.test_homogeneity().pvalue, rel=1e-8)


@pytest.mark.parametrize("tau", [0.0, 0.05])
def test_the_interval_covers(tau: float) -> None:
    rng = np.random.default_rng(1)
    variances = np.array([0.03, 0.04, 0.03, 0.05, 0.04]) ** 2
    hits = 0
    for _ in range(400):
        found = between_deviation(0.7 + rng.normal(0, tau, 5) + rng.normal(0, np.sqrt(variances)), variances)
        hits += found.low <= tau <= found.high
    assert hits > 0.92 * 400  # at 0 the lower end cannot miss: about 97.5%


def test_folds_of_one_accuracy_have_no_spread_and_others_are_found() -> None:
    rng = np.random.default_rng(2)
    folds = np.repeat(np.arange(5), 400)
    same = one(FoldSpread(), folded(rng.random(2000) < 0.7, folds))
    assert same.ci_low == 0
    assert not same.alarm
    apart = one(FoldSpread(), folded(rng.random(2000) < np.repeat([0.55, 0.65, 0.7, 0.8, 0.9], 400), folds))
    assert apart.alarm
    assert apart.ci_low < np.std([0.55, 0.65, 0.7, 0.8, 0.9], ddof=1) < apart.ci_high
    assert [f["n_pairs"] for f in apart.detail["folds"].values()] == [400] * 5


def test_pairs_of_one_group_are_one_observation() -> None:
    rng = np.random.default_rng(3)
    wins = np.repeat(rng.random(200) < 0.7, 10).astype(float)  # ten times the same answer
    folds = np.repeat(np.arange(5), 400)
    naive = one(FoldSpread(), folded(wins, folds))
    clustered = one(FoldSpread(), folded(wins, folds, groups=np.repeat(np.arange(200), 10)))
    assert clustered.ci_low == 0
    assert clustered.p_value > naive.p_value


def test_one_models_scores_have_no_folds() -> None:
    table = scores(np.random.default_rng(0).normal(size=40))
    result = one(FoldSpread(), table)
    assert (result.status, result.reason) == ("INCONCLUSIVE", "not_applicable")
    assert "no spread" not in result.reason
    right = one(FoldSpread(), folded(np.ones(40), np.repeat([0, 1], 20)))
    assert "alike" in right.reason
