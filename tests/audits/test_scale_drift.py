"""A19 across checkpoints: an affine change of all rewards is found exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress
from slices import ask, scores

from rmx.audits.scale_drift import ScaleDrift

AUDIT = ScaleDrift(tolerance={"slope": (0.8, 1.25)})


def _pair(factor: float, shift: float, noise: float = 0.0):
    rng = np.random.default_rng(0)
    margins, rejected = rng.normal(size=300), rng.normal(size=300)
    before = scores(margins, rejected=rejected, scorer="reference")
    after = shift + factor * rejected + rng.normal(0, noise, 300), factor * margins + rng.normal(0, noise, 300)
    return before, scores(after[1], rejected=after[0])


def test_affine_change_is_recovered() -> None:
    before, after = _pair(1.5, 2.0)
    results = ask(AUDIT, before, after)
    slope, shift = (results["heldout", "model", m] for m in ("slope", "shift_sd"))
    assert slope.estimate == pytest.approx(1.5)
    assert slope.status == "FAIL"
    view = before.view("reference")
    both = np.concatenate([view.chosen, view.rejected])
    assert shift.estimate == pytest.approx((2 + 0.5 * both.mean()) / both.std())
    assert slope.detail["ordered_alike"] == 1


def test_slope_is_least_squares() -> None:
    before, after = _pair(1.0, 0.0, noise=0.5)
    slope = ask(AUDIT, before, after)["heldout", "model", "slope"]
    x, y = before.view("reference"), after.view()
    fit = linregress(np.concatenate([x.chosen, x.rejected]), np.concatenate([y.chosen, y.rejected]))
    assert slope.estimate == pytest.approx(fit.slope)
    assert slope.status == "PASS"
    assert not slope.alarm


def test_other_pairs_are_inconclusive() -> None:
    result = ask(AUDIT, scores([1.0]), scores([1.0, 2.0], scorer="reference"))["heldout", "model", "slope"]
    assert result.status == "INCONCLUSIVE"


def test_the_same_rewards_are_no_drift_and_a_handful_of_them_no_proof() -> None:
    margins = np.random.default_rng(0).normal(size=40)
    for n, status in ((40, "PASS"), (5, "INCONCLUSIVE")):
        before, after = (scores(margins[:n], scorer=s) for s in ("reference", "model"))
        results = ask(ScaleDrift(tolerance={"slope": (0.8, 1.25), "shift_sd": (-0.1, 0.1)}), before, after)
        assert {results["heldout", "model", m].status for m in ("slope", "shift_sd")} == {status}
