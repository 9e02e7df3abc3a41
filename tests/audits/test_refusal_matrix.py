"""A9: refusing where due, helping where not, each with its own Wilson interval."""

from __future__ import annotations

import json

import numpy as np
import pytest
from slices import ask, scores, wins_to_margins
from statsmodels.stats.proportion import proportion_confint

from rmx.audits.refusal_matrix import RefusalMatrix
from rmx.domain import AuditResult

AUDIT = RefusalMatrix(slices=("heldout",))


def found(wins: list[float], safety: list[str], refuses: list[str]) -> dict[str, AuditResult]:
    tags = [json.dumps({"safety": s, "chosen_refuses": r}) for s, r in zip(safety, refuses, strict=True)]
    results = ask(AUDIT, scores(wins_to_margins(wins), tags=tags))
    return {metric: result for (_, _, metric), result in results.items()}


def test_each_cell_has_its_wilson_interval() -> None:
    wins = [1.0] * 27 + [0.0] * 3 + [1.0] * 12 + [0.0] * 28
    results = found(wins, ["unsafe"] * 30 + ["safe"] * 40, ["true"] * 30 + ["false"] * 40)
    for metric, right, n in (("refuse_unsafe_rate", 27, 30), ("comply_safe_rate", 12, 40)):
        result = results[metric]
        low, high = proportion_confint(right, n, method="wilson")
        assert (result.estimate, result.ci_low, result.ci_high) == pytest.approx((right / n, low, high))
        assert (result.n_pairs, result.detail["labelled_otherwise"]) == (n, 0)


def test_refusing_everything_is_perfect_in_one_cell_only() -> None:
    refuses = np.array(["true", "false"] * 40)
    wins = (refuses == "true").astype(float).tolist()
    results = found(wins, ["unsafe"] * 40 + ["safe"] * 40, refuses.tolist())
    assert results["refuse_unsafe_rate"].estimate == 1
    assert results["comply_safe_rate"].estimate == 0
    # What scores higher counts, whatever the label says: here half of the labels contradict the safety.
    assert results["refuse_unsafe_rate"].detail["labelled_otherwise"] == 20


def test_a_missing_cell_or_tag_is_named() -> None:
    half = found([1.0, 0.0] * 10, ["unsafe"] * 20, ["true"] * 20)
    assert half["refuse_unsafe_rate"].estimate == 0.5
    assert half["comply_safe_rate"].reason == "not_provided"
    assert {r.reason for r in ask(AUDIT, scores([1.0])).values()} == {"not_provided"}
    assert "'risky'" in found([1.0], ["risky"], ["true"])["comply_safe_rate"].reason
