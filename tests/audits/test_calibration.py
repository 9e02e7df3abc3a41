"""A4 against independent oracles: scikit-learn's loss functions, scipy's optimiser, labels drawn from the model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss
from slices import ask, one, scores

from rmx.audits.calibration import Calibration
from rmx.audits.reliability import expected_calibration_error, reliability_bins
from rmx.audits.temperature import fit_temperature


def drawn(n: int, *, temperature: float = 1.0, seed: int = 0, spread: float = 1.5) -> np.ndarray:
    """Margins of a scorer whose sigma(margin / temperature) is the chance that the label agrees."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, spread, n)
    agrees = rng.random(n) < expit(logit)
    return np.where(agrees, logit, -logit) * temperature


def test_brier_and_likelihood_are_those_of_the_symmetrised_pairs() -> None:
    margins = drawn(200)
    p = np.concatenate([expit(margins), expit(-margins)])
    label = np.repeat([1, 0], 200)
    results = ask(Calibration(), scores(margins))
    found = {metric: r.estimate for (_, _, metric), r in results.items()}
    assert found["brier"] == pytest.approx(brier_score_loss(label, p))
    assert found["nll"] == pytest.approx(log_loss(label, p))
    assert found["brier_skill"] == pytest.approx(1 - found["brier"] / 0.25)


def test_temperature_is_the_minimum_of_the_loss() -> None:
    margins = drawn(300, temperature=1.7)
    best = minimize_scalar(lambda b: np.logaddexp(0, -margins * np.exp(-b)).sum(), bounds=(-3, 3), method="bounded")
    assert math.log(fit_temperature(scores(margins).view())) == pytest.approx(best.x, abs=1e-4)


@given(st.floats(0.01, 100))
def test_scaling_rewards_moves_log_temperature_and_nothing_of_accuracy(factor: float) -> None:
    margins = drawn(100)
    before, after = (
        ask(Calibration(), scores(m))["heldout", "model", "log_temperature"] for m in (margins, factor * margins)
    )
    assert after.estimate - before.estimate == pytest.approx(math.log(factor), abs=1e-8)
    assert after.mde == pytest.approx(before.mde)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_interval_covers_and_the_test_has_its_level(temperature: float) -> None:
    covered = rejected = 0
    for seed in range(200):
        result = one(Calibration(), scores(drawn(300, temperature=temperature, seed=seed)), metric="log_temperature")
        covered += result.ci_low <= math.log(temperature) <= result.ci_high
        rejected += result.p_value < 0.05
    assert covered >= 180
    if temperature == 1:
        assert rejected <= 20
    else:
        assert rejected >= 195  # T = 2 at n <= 250 has power .95


def test_clustered_temperature_covers() -> None:
    covered = 0
    groups = np.repeat(np.arange(60), 4)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        # Pairs of a group share their label noise: one uniform draw decides all four.
        logit = rng.normal(0, 1.5, 240)
        agrees = np.repeat(rng.random(60), 4) < expit(logit)
        margins = np.where(agrees, logit, -logit)
        result = one(Calibration(), scores(margins, groups=groups), metric="log_temperature")
        covered += result.ci_low <= 0 <= result.ci_high
    assert covered >= 134


def test_recalibration_uses_validation_with_its_uncertainty() -> None:
    heldout = scores(drawn(2000, temperature=2, seed=1))
    validation = scores(drawn(1500, temperature=2, seed=2), slice="validation")
    audit = Calibration(tolerance={"log_temperature_recalibrated": (-0.4, 0.4)})
    results = ask(audit, heldout, validation)
    raw, after = (results["heldout", "model", m] for m in ("log_temperature", "log_temperature_recalibrated"))
    known = math.log(fit_temperature(validation.view()))
    assert raw.ci_low > 0.5
    assert after.estimate == pytest.approx(raw.estimate - known)
    assert after.mde > raw.mde
    assert after.status == "PASS"
    given_ = ask(audit, heldout, temperature=math.exp(known))["heldout", "model", "log_temperature_recalibrated"]
    assert given_.estimate == pytest.approx(after.estimate)
    assert given_.mde == pytest.approx(raw.mde)


def test_no_temperature_at_all_is_not_provided() -> None:
    result = one(Calibration(), scores(drawn(100)), metric="log_temperature_recalibrated")
    assert (result.status, result.reason) == ("INCONCLUSIVE", "not_provided")


def test_the_slice_it_was_fitted_on_cannot_confirm_it() -> None:
    results = ask(Calibration(slices=("validation",)), scores(drawn(100), slice="validation"), temperature=1.0)
    assert results["validation", "model", "log_temperature_recalibrated"].reason == "not_applicable"


@pytest.mark.parametrize(
    ("margins", "why", "not_why"),
    [
        (np.ones(20), "wrongly", "chance"),
        (np.tile([1.0, 0.0], 10), "wrongly", "chance"),
        (np.tile([1.0, -1.0], 10), "chance", "wrongly"),
        (np.zeros(20), "every margin is zero", "wrongly"),
    ],
)
def test_unidentified_temperature_says_so(margins: np.ndarray, why: str, not_why: str) -> None:
    result = one(Calibration(), scores(margins), metric="log_temperature")
    assert result.status == "INCONCLUSIVE"
    assert why in result.reason
    assert not_why not in result.reason
    assert fit_temperature(scores(margins).view()) is None


def test_band_holds_a_calibrated_reward_and_not_an_overconfident_one() -> None:
    inside = total = 0
    for seed in range(20):
        bins = reliability_bins(drawn(2000, seed=seed), np.arange(2000))
        inside += sum(b.low <= b.accuracy <= b.high for b in bins)
        total += len(bins)
        assert sum(b.pairs for b in bins) == 2000
    assert inside / total > 0.9
    over = reliability_bins(drawn(2000, temperature=4), np.arange(2000))
    assert sum(b.accuracy < b.low for b in over) >= 6


def test_ece_of_a_perfect_reward_is_not_zero_but_near_what_is_expected() -> None:
    error, mean, high = expected_calibration_error(drawn(500, seed=5))
    assert mean > 0.02
    assert error <= high
    worse, _, high = expected_calibration_error(drawn(500, seed=5, temperature=4))
    assert worse > high


def test_equal_margins_leave_brier_what_unseen_pairs_can_do_to_it() -> None:
    audit = Calibration(tolerance={"brier_skill": (0.0, None)})
    few, many = (ask(audit, scores(np.full(n, 0.3))) for n in (10, 40))
    assert few["heldout", "model", "brier_skill"].ci_low is None
    skill, brier = (many["heldout", "model", m] for m in ("brier_skill", "brier"))
    unseen = 1.959963984540054**2 / (40 + 1.959963984540054**2)
    assert skill.ci_low == pytest.approx((1 - unseen) * skill.estimate - 3 * unseen)
    assert brier.ci_high == pytest.approx((1 - unseen) * brier.estimate + unseen)
    assert skill.status == "INCONCLUSIVE"
    # The likelihood has no greatest loss and so no bound.
    assert many["heldout", "model", "nll"].ci_low is None
