from __future__ import annotations

import math

import pytest
from synthetic_run import requirement, result

from rmx.audits import AUDITS
from rmx.report.sentences import (
    bound_words,
    found_words,
    interval_words,
    meaning,
    metric_name,
    quantity,
    tolerance_words,
)


@pytest.mark.parametrize(
    ("value", "metric", "words"),
    [
        (0.8604, "accuracy", "86.0%"),
        (0.125, "wrong_share", "12.5%"),
        (0.04, "drop", "+4.0 points"),
        (-0.0123, "gain", "−1.2 points"),
        (-0.0001, "accuracy_gap", "0.0 points"),
        (0.474, "effect_sd", "+0.47 sd"),
        (0.3, "shift_p95_sd", "+0.30 sd"),
        (0.05, "dependence", "+5.0 points"),
        (0.02, "shortfall", "+2.0 points"),
        (1.5, "margin_sd", "1.500"),
        (-1234.5, "mean_reward", "−1,234.5"),
        (1234.0, "overlap", "1,234"),
        (math.nan, "accuracy", "NaN"),
        (None, "accuracy", "none"),
        (0.057, "length_premium", "+5.7 points"),
        (0.538, "controlled_win_rate", "53.8%"),
        (0.45, "worst_error", "45.0%"),
        (0.62, "error_auroc", "0.620"),
    ],
)
def test_numbers_are_written_in_their_unit(value: float | None, metric: str, words: str) -> None:
    assert quantity(value, metric) == words


@pytest.mark.parametrize(
    ("metric", "name"),
    [("effect_sd", "effect"), ("margin_sd", "margin sd"), ("log_temperature", "log temperature"), ("drop", "drop")],
)
def test_a_metric_is_named_without_the_unit_of_its_number(metric: str, name: str) -> None:
    assert metric_name(metric) == name


def test_every_metric_of_every_audit_has_words() -> None:
    for name, audit in AUDITS.items():
        for metric in audit.metrics:
            found = result(name, "heldout", "model", 0.25, metric=metric, tolerance=(0.1, 0.9), status="PASS")
            assert interval_words(found).count("[") == 1
            assert meaning(found).startswith("The whole interval lies inside the tolerance (between ")


def test_a_point_without_an_interval_has_none() -> None:
    assert interval_words(result("accuracy", "heldout", "model", 0.7, ci_low=None, ci_high=None)) == "70.0%"


@pytest.mark.parametrize(
    ("tolerance", "metric", "words"),
    [
        (None, "accuracy", "none set"),
        ((0.6, None), "accuracy", "above 60%"),
        ((None, 0.055), "drop", "below 5.5 points"),
        ((-0.2, 0.2), "log_temperature", "between −0.2 and 0.2"),
        ((None, 100.0), "overlap", "below 100"),
        ((0.0, None), "gain", "above 0 points"),
        ((0, 0), "overlap", "exactly 0"),
    ],
)
def test_tolerances(tolerance: tuple[float | None, float | None] | None, metric: str, words: str) -> None:
    assert tolerance_words(result("a", "s", "m", 0.1, metric=metric, tolerance=tolerance)) == words


@pytest.mark.parametrize(
    ("bound", "metric", "words"),
    [
        ("> 0.6", "accuracy", "> 60%"),
        (">= 0.555", "accuracy", ">= 55.5%"),
        ("<= 0.05", "drop", "<= 5 points"),
        ("|x| < 0.2", "effect_sd", "|x| < 0.2 sd"),
        ("|x| < 0.2", "log_temperature", "|x| < 0.2"),
        ("<= 0", "overlap", "<= 0"),
        ("> -0.1 and < 0.1", "gain", "> −10 points and < 10 points"),
    ],
)
def test_bounds_read_like_the_estimate(bound: str, metric: str, words: str) -> None:
    outcome = requirement("r", "prove", bound, "PASS", "", result("a", "s", "m", 0.7, metric=metric))
    assert bound_words(outcome) == words


def test_a_result_says_status_alarm_detectable_effect_and_needed_pairs() -> None:
    found = result(
        "accuracy",
        "heldout",
        "model",
        0.58,
        tolerance=(0.6, None),
        status="INCONCLUSIVE",
        null_value=0.5,
        alarm=True,
        mde=0.043,
        reason="only 8 groups: the interval is approximate",
        detail={"n_needed": 5200},
    )
    assert meaning(found) == (
        "The interval does not lie wholly inside the tolerance (above 60%). Only 8 groups: the interval is "
        "approximate. The interval excludes 50%. A difference below 4.3 points from it could be missed. About 5,200 "
        "pairs could settle it."
    )


@pytest.mark.parametrize(
    ("q_value", "words"),
    [
        (0.0123, "After correction for 14 tests it stands (q 0.012)"),
        (0.00001, "it stands (q below 0.001)"),
        (0.3, "After correction for 14 tests it may be chance (q 0.300)"),
    ],
)
def test_an_alarm_says_whether_it_outlives_the_number_of_tests(q_value: float, words: str) -> None:
    facts = {"null_value": 0.0, "detail": {"q_value": q_value, "tests": 14}}
    assert words in meaning(result("paired", "heldout", "model", 0.05, metric="difference", alarm=True, **facts))
    assert "correction" not in meaning(result("paired", "heldout", "model", 0.01, metric="difference", **facts))


def test_advice_to_use_fewer_pairs_is_not_given() -> None:
    found = result(
        "accuracy", "heldout", "model", 0.62, tolerance=(0.6, None), status="INCONCLUSIVE", detail={"n_needed": 90}
    )
    assert meaning(found) == "The interval does not lie wholly inside the tolerance (above 60%)."


def test_a_nan_is_not_said_to_lie_anywhere() -> None:
    found = result("accuracy", "heldout", "model", math.nan, status="FAIL", reason="the metric is NaN")
    assert meaning(found) == "The metric is NaN."
    assert interval_words(found).startswith("NaN")


def test_a_missing_result_says_what_was_missing() -> None:
    gap = result("accuracy", "fresh_policy", "model", None, reason="not_provided", detail={"missing": "no scores"})
    assert meaning(gap) == "Its data were not given (no scores)."
    assert found_words(gap) == "not provided: its data were not given (no scores)"
    crashed = result("accuracy", "heldout", "model", None, reason="the audit crashed: ValueError: x", status="FAIL")
    assert "the audit crashed: ValueError: x" in meaning(crashed).replace("The", "the", 1)
