"""Names of the curves that in-training audits leave."""

from __future__ import annotations

from typing import Any

from rmx.callbacks.validation import curve_names, interval_names
from rmx.domain import AuditResult


def result(audit: str, metric: str, estimate: float | None, low: float | None, **more: Any) -> AuditResult:
    known = {"slice": "validation", "scorer": "model", "ci_method": "", "n_pairs": 9, "n_groups": 9, **more}
    high = None if low is None else 1.0
    return AuditResult(audit=audit, metric=metric, estimate=estimate, ci_low=low, ci_high=high, **known)


RESULTS = [
    result("accuracy", "accuracy", 0.7, 0.6),
    result("accuracy", "accuracy", 0.4, 0.3, scorer="longer"),
    result("calibration", "brier", 0.2, None),
    result("calibration", "log_temperature", 0.1, -0.1),
    result("calibration", "brier_recalibrated", None, None),
    result("length_effect", "effect_sd", 0.0, -0.5),
]


def test_a_metric_is_named_where_its_audit_has_several() -> None:
    assert curve_names(RESULTS) == {
        "val/validation/accuracy": 0.7,
        "audit/accuracy/validation": 0.7,
        "audit/calibration/validation/brier": 0.2,
        "audit/calibration/validation/log_temperature": 0.1,
        "audit/length_effect/validation": 0.0,
    }


def test_intervals_stand_behind_the_name_of_their_curve() -> None:
    assert interval_names(RESULTS) == {
        "audit/accuracy/validation/low": 0.6,
        "audit/accuracy/validation/high": 1.0,
        "audit/calibration/validation/log_temperature/low": -0.1,
        "audit/calibration/validation/log_temperature/high": 1.0,
        "audit/length_effect/validation/low": -0.5,
        "audit/length_effect/validation/high": 1.0,
    }
