"""A5b: the observational slope against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from slices import ask, scores

from rmx.audits.length_observational import LengthObservational


def test_slope_and_error_equal_statsmodels_with_strength_held_fixed() -> None:
    rng = np.random.default_rng(0)
    n, groups = 300, rng.integers(0, 60, 300)
    chosen, rejected = rng.integers(10, 90, n), rng.integers(10, 90, n)
    ratio = np.log(chosen / rejected)
    strength = rng.normal(size=n) + 0.5 * ratio
    margins = 1 + 0.4 * ratio + strength + rng.normal(size=n) + rng.normal(size=60)[groups]
    lengths = {"chosen_tokens": chosen, "rejected_tokens": rejected}
    table = scores(margins, groups=groups, strength=strength, **lengths)
    slope = ask(LengthObservational(), table)["heldout", "model", "slope_sd"]

    def z(x: np.ndarray) -> np.ndarray:
        return (x - x.mean()) / x.std()

    design = np.column_stack([np.ones(n), z(ratio), z(strength)])
    fit = sm.OLS(margins / margins.std(), design).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    assert slope.estimate == pytest.approx(fit.params[1])
    count = len(np.unique(groups))
    assert slope.mde / 2.8 == pytest.approx(fit.bse[1] * np.sqrt(count / (count - 1)))
    assert slope.detail["adjusted_for"] == ["strength"]
    assert slope.detail["observational"]


def test_gap_of_a_length_rule_is_one() -> None:
    chosen, rejected = np.array([8, 8, 2, 2, 8]), np.array([4, 4, 4, 4, 4])
    table = scores(chosen - rejected, chosen_tokens=chosen, rejected_tokens=rejected)
    assert ask(LengthObservational(), table)["heldout", "model", "accuracy_gap"].estimate == 1


def test_it_is_fooled_where_length_goes_with_quality() -> None:
    """Why it never gates: a length-blind reward is flagged when longer answers are better."""
    rng = np.random.default_rng(1)
    quality = rng.normal(size=(2, 600))
    tokens = np.exp(4 + 0.4 * quality + rng.normal(0, 0.5, (2, 600))).astype(int)
    table = scores(quality[0] - quality[1], chosen_tokens=tokens[0], rejected_tokens=tokens[1])
    assert ask(LengthObservational(), table)["heldout", "model", "slope_sd"].alarm
