"""Names of the curves that in-training audits leave."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from rmx.audits.accuracy import Accuracy
from rmx.callbacks.validation import ValidationAudits, curve_names, interval_names
from rmx.domain import AuditResult, Message, Origin, PreferencePair
from rmx.score_table import Comparisons
from rmx.scorers.slice_parts import find_parts
from rmx.scorers.slice_texts import collect_texts


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


def test_slices_of_validation_have_curves_of_their_own_without_being_scored() -> None:
    pairs = [
        PreferencePair(f"p{k}", (Message("user", f"q{k}"),), f"yes {k}", f"no {k}", Origin("m", k), f"g{k}")
        for k in range(4)
    ]
    cut = {"validation": pairs, "validation_hh": pairs[:1], "short": pairs[2:]}
    texts = {name: collect_texts(name, members) for name, members in cut.items()}
    comparisons = {name: Comparisons.from_pairs(members, slice=name) for name, members in cut.items()}
    # Of the four pairs the first and the last are in the wrong order.
    better = {f"yes {k}": k in (1, 2) for k in range(4)} | {f"no {k}": k in (0, 3) for k in range(4)}
    rewards = np.array([float(better[c.completion]) for c in texts["validation"].candidates])
    gather = SimpleNamespace(rewards={"validation": rewards})
    audits = [Accuracy(slices=("validation",)), Accuracy(slices=("validation_hh", "short"))]
    judged = ValidationAudits(gather, texts, comparisons, audits, find_parts(texts))  # type: ignore[arg-type]
    curves = curve_names(judged._results())
    assert {name: value for name, value in curves.items() if name.startswith("val/")} == {
        "val/validation/accuracy": 0.5,
        "val/validation_hh/accuracy": 0.0,
        "val/short/accuracy": 0.5,
    }
