"""A16: the fitted form against scipy and the delete-one jackknife, and its peak against a world that has one."""

from __future__ import annotations

import numpy as np
import pytest
from samples import exploit_world, results, samples
from scipy.optimize import curve_fit

from rmx.audits.best_of_n import BestOfN
from rmx.audits.gold_vs_proxy import GoldVsProxy
from rmx.audits.statistics import best_of_n_kl

AUDIT = GoldVsProxy(draws=500)
SIZES = np.array([2, 4, 8, 16, 32])
DISTANCE = np.sqrt([best_of_n_kl(n) for n in SIZES])


def mean_curve(table) -> np.ndarray:
    curve = results(BestOfN(), table)["gain_sd"].detail["curve"]
    return np.array([row["gold"] for row in curve[1:]])


def test_coefficients_are_those_of_least_squares_on_the_mean_curve() -> None:
    table = exploit_world(3.0, prompts=40, n=64, seed=0)
    found = results(AUDIT, table)
    for form, fitted in (
        (lambda d, a, b: d * (a - b * d), (found["alpha"].estimate, found["beta"].estimate)),
        (
            lambda d, a, b: d * (a - b * np.log(d)),
            (found["alpha"].detail["rl"]["alpha"], found["alpha"].detail["rl"]["beta"]),
        ),
    ):
        expected, _ = curve_fit(form, DISTANCE, mean_curve(table), p0=(1.0, 0.5))
        assert fitted == pytest.approx(expected, abs=1e-5)
    a, b = found["alpha"].estimate, found["beta"].estimate
    assert found["peak_kl"].estimate == pytest.approx((a / (2 * b)) ** 2)


def test_standard_errors_are_those_of_the_delete_one_jackknife() -> None:
    table = exploit_world(3.0, prompts=40, n=64, seed=1)
    found = results(AUDIT, table)
    reward, gold = (np.array(table.table[name]).reshape(40, 64) for name in ("reward", "gold"))
    basis = np.stack([DISTANCE, -(DISTANCE**2)], 1)
    left_out = np.array(
        [
            np.linalg.lstsq(basis, mean_curve(samples(np.delete(reward, p, 0), np.delete(gold, p, 0))), rcond=None)[0]
            for p in range(40)
        ]
    )
    errors = np.sqrt(39 / 40 * ((left_out - left_out.mean(0)) ** 2).sum(0))
    for metric, error in zip(("alpha", "beta"), errors, strict=True):
        assert found[metric].mde / 2.8 == pytest.approx(error, rel=0.1)


def test_a_peak_is_found_where_gold_turns_and_not_where_it_rises() -> None:
    found = results(AUDIT, exploit_world(3.0, prompts=60, n=256, seed=0))
    # Analytically gold is highest at n = 16, 1.84 nats; the form is no exact description of this world.
    assert 0.8 < found["peak_kl"].ci_low < found["peak_kl"].estimate < found["peak_kl"].ci_high < 2.5
    assert found["beta"].ci_low > 0
    rng = np.random.default_rng(0)
    gold = np.exp(rng.normal(size=(60, 64)))
    rising = results(AUDIT, samples(gold, gold))
    assert rising["beta"].estimate < 0
    assert rising["peak_kl"].estimate is None
    assert "does not bend" in rising["peak_kl"].reason


def test_flat_gold_has_no_slope_and_no_peak_to_speak_of() -> None:
    rng = np.random.default_rng(1)
    found = results(AUDIT, samples(rng.normal(size=(60, 32)), rng.normal(size=(60, 32))))
    assert not found["alpha"].alarm
    assert not found["beta"].alarm
    assert found["peak_kl"].ci_low is None


def test_too_few_samples_are_said() -> None:
    rng = np.random.default_rng(1)
    found = results(AUDIT, samples(rng.normal(size=(60, 8)), rng.normal(size=(60, 8))))
    assert {(r.reason, r.detail["missing"]) for r in found.values()} == {
        ("not_provided", "16 samples of every prompt in slice samples")
    }
