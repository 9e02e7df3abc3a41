"""A14: accuracy lost on fresh samples of the policy."""

from __future__ import annotations

import numpy as np
import pytest
from slices import ask, one, scores, wins_to_margins
from statsmodels.stats.proportion import confint_proportions_2indep

from rmx.audits.distribution_shift import DistributionShift

AUDIT = DistributionShift(tolerance={"drop": (None, 0.05)})


def _slice(right: int, n: int, name: str):
    return scores(wins_to_margins(np.arange(n) < right), slice=name)


def test_drop_with_newcombes_interval() -> None:
    result = one(AUDIT, _slice(640, 800, "heldout"), _slice(210, 300, "fresh_policy"))
    assert result.estimate == pytest.approx(0.1)
    expected = confint_proportions_2indep(640, 800, 210, 300, method="newcomb")
    assert (result.ci_low, result.ci_high) == pytest.approx(expected, abs=1e-9)
    assert result.slice == "fresh_policy"
    assert result.status == "INCONCLUSIVE"


@pytest.mark.parametrize(("right", "status"), [(240, "PASS"), (180, "FAIL")])
def test_status(right: int, status: str) -> None:
    results = ask(AUDIT, _slice(640, 800, "heldout"), _slice(5 * right, 1500, "fresh_policy"))
    assert results["fresh_policy", "model", "drop"].status == status


def test_two_perfect_slices_still_have_an_interval() -> None:
    result = one(AUDIT, _slice(800, 800, "heldout"), _slice(30, 30, "fresh_policy"))
    assert result.estimate == 0
    assert result.ci_low < 0 < result.ci_high
    assert result.status == "INCONCLUSIVE"


@pytest.mark.parametrize("given", ["heldout", "fresh_policy"])
def test_either_slice_missing_is_not_provided(given: str) -> None:
    assert one(AUDIT, _slice(20, 30, given)).reason == "not_provided"


def test_accuracy_by_reward_shows_where_it_falls() -> None:
    level = np.linspace(-3, 3, 400)
    margins = np.where(level > 1.5, -1.0, 1.0)
    fresh = scores(margins, rejected=level - margins / 2, slice="fresh_policy")
    rows = one(AUDIT, _slice(640, 800, "heldout"), fresh).detail["by_reward"]
    assert [row["accuracy"] for row in rows] == [1.0, 1.0, 1.0, 0.0]
