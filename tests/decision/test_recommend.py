"""The rules from difference, verdicts and needs to a recommendation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from rmx.decision.abilities import abilities
from rmx.decision.recommend import deciding_difference, pairs_to_settle, recommend
from rmx.domain import AuditResult


def difference(low: float, high: float, *, slice: str = "heldout", pairs: int = 400) -> AuditResult:
    return AuditResult(
        audit="paired",
        slice=slice,
        scorer="model",
        metric="difference",
        estimate=(low + high) / 2,
        ci_low=low,
        ci_high=high,
        ci_method="cluster-robust t",
        n_pairs=pairs,
        n_groups=pairs,
    )


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.01, 0.08, "reward_model"),
        (0.001, 0.015, "dpo"),  # better, but by less than matters
        (-0.06, 0.019, "dpo"),
        (-0.09, -0.03, "dpo"),
        (-0.02, 0.05, "not_enough_data"),
        (0.0, 0.02, "not_enough_data"),
    ],
)
def test_the_interval_decides_where_both_may_be_used(low, high, wanted):
    assert recommend(difference(low, high), ("PASS", "INCONCLUSIVE"), [], 0.02).recommendation == wanted


def test_a_better_reward_model_that_is_not_proved_is_not_recommended():
    better = difference(0.03, 0.08)
    assert recommend(better, ("INCONCLUSIVE", "INCONCLUSIVE"), [], 0.02).recommendation == "not_enough_data"


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        (("FAIL", "FAIL"), "neither"),
        (("FAIL", "PASS"), "dpo"),
        (("PASS", "FAIL"), "reward_model"),
        (("INCONCLUSIVE", "FAIL"), "not_enough_data"),
    ],
)
def test_what_the_gate_fails_is_not_recommended_whatever_its_accuracy(verdicts, wanted):
    for interval in ((-0.09, -0.03), (0.03, 0.09)):
        assert recommend(difference(*interval), verdicts, [], 0.02).recommendation == wanted


@pytest.mark.parametrize(("low", "high", "wanted"), [(0.013, 0.136, "not_enough_data"), (-0.09, 0.03, "dpo")])
def test_what_lost_to_a_reward_that_fails_and_proves_nothing_itself_is_no_advice(low, high, wanted):
    assert recommend(difference(low, high), ("FAIL", "INCONCLUSIVE"), [], 0.02).recommendation == wanted


@pytest.mark.parametrize("need", ["online", "inspect"])
def test_a_need_for_a_scalar_leaves_the_decision_to_the_gate(need):
    worse = difference(-0.2, -0.1)
    for explicit, wanted in (("PASS", "reward_model"), ("FAIL", "neither"), ("INCONCLUSIVE", "not_enough_data")):
        advice = recommend(worse, (explicit, "PASS"), [need, "one_stage"], 0.02)
        assert advice.recommendation == wanted
        assert need in advice.reasons[0]


def test_nothing_that_fails_is_ever_recommended():
    verdicts = ("PASS", "FAIL", "INCONCLUSIVE")
    for explicit, implicit, low, width in itertools.product(verdicts, verdicts, (-0.1, -0.01, 0.01), (0.005, 0.05)):
        found = recommend(difference(low, low + width), (explicit, implicit), [], 0.02).recommendation
        assert not (found == "reward_model" and explicit != "PASS")
        assert not (found == "dpo" and implicit == "FAIL")


def test_without_an_interval_there_is_nothing_to_tell_by():
    assert recommend(None, ("PASS", "PASS"), [], 0.02).recommendation == "not_enough_data"
    pointless = replace(difference(0.1, 0.2), ci_low=None, ci_high=None)
    assert recommend(pointless, ("PASS", "PASS"), [], 0.02).recommendation == "not_enough_data"


def test_fresh_answers_decide_before_heldout_and_validation_never():
    heldout, fresh = difference(0.01, 0.02), difference(-0.02, -0.01, slice="fresh_policy")
    chosen_on = difference(0.3, 0.4, slice="validation")
    assert deciding_difference([chosen_on, heldout, fresh]) is fresh
    assert deciding_difference([chosen_on, heldout]) is heldout
    assert deciding_difference([chosen_on]) is None


def test_the_pairs_that_would_settle_it_make_the_interval_as_narrow_as_what_matters():
    open_ = difference(-0.02, 0.06, pairs=323)
    needed = pairs_to_settle(open_, 0.02)
    assert needed == 323 * 16
    # At that many pairs no interval around any centre holds both ends.
    half = 0.08 / 2 / (needed / 323) ** 0.5
    for centre in (-0.05, 0.0, 0.0099, 0.01, 0.0101, 0.05):
        narrow = difference(centre - half + 1e-12, centre + half - 1e-12)
        assert recommend(narrow, ("PASS", "PASS"), [], 0.02).recommendation != "not_enough_data"
    assert pairs_to_settle(difference(0.01, 0.09), 0.02) is None
    assert pairs_to_settle(None, 0.02) is None


def test_abilities_are_marked_where_they_are_asked_for():
    table = abilities(["rerank"])
    assert [row.need for row in table] == ["online", "rerank", "inspect", "one_stage"]
    assert [row.asked for row in table] == [False, True, False, False]
