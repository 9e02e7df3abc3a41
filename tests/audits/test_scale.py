"""A19: level and spread, and what a shift or a factor of all rewards may change."""

from __future__ import annotations

import numpy as np
import pytest
from slices import ask, edited, scores

from rmx.audits import AUDITS, Evidence, build_audits, run_audits
from rmx.audits.scale import Scale
from rmx.score_table import ScoreTable

OTHER_NEEDS = {"baselines", "contamination", "distribution_shift", "paired", "scale_drift", "split_overlap"}
ANSWERED = {
    "accuracy",
    "agreement",
    "calibration",
    "length_balanced",
    "length_effect",
    "length_matched",
    "length_observational",
    "margin",
    "scale",
}
"""Audits that pairs, their lengths and agreements, and edits of the length probe are enough for."""
EVERYTHING = {name: {"slices": ["heldout"]} for name in AUDITS if name not in OTHER_NEEDS}


def test_moments() -> None:
    rng = np.random.default_rng(0)
    margins, rejected = rng.normal(1, 2, 400), rng.normal(3, 1, 400)
    results = ask(Scale(), scores(margins, rejected=rejected))
    both = np.concatenate([rejected + margins, rejected])
    found = {metric: r.estimate for (_, _, metric), r in results.items()}
    assert found["mean_reward"] == pytest.approx(both.mean())
    assert found["reward_sd"] == pytest.approx(both.std())
    assert found["margin_sd"] == pytest.approx(margins.std())
    spread = results["heldout", "model", "margin_sd"]
    # Standard error of the deviation of a normal: sd / sqrt(2n)
    assert spread.mde / 2.8 == pytest.approx(2 / np.sqrt(800), rel=0.15)


def _results(factor: float, shift: float) -> dict[tuple[str, str], float]:
    rng = np.random.default_rng(1)
    n = 200
    margins, rejected = rng.normal(0.5, 1, n), rng.normal(size=n)
    table = scores(
        factor * margins,
        rejected=shift + factor * rejected,
        chosen_tokens=rng.integers(5, 50, n),
        rejected_tokens=rng.integers(5, 50, n),
        agreement=rng.choice([0.7, 1.0], n),
    )
    base = rng.normal(size=60)
    candidates = edited(shift + factor * base, {"padded": shift + factor * (base + rng.normal(0.1, 0.2, 60))})
    results = run_audits(build_audits(EVERYTHING), Evidence({"heldout": table}, {"heldout": candidates}))
    answered = {(r.audit, r.metric): r.estimate for r in results if r.estimate is not None}
    assert {audit for audit, _ in answered} >= ANSWERED
    return answered


def test_a_shift_changes_the_mean_reward_and_nothing_else() -> None:
    before, after = _results(1, 0), _results(1, 10)
    changed = {k for k in before if before[k] != pytest.approx(after[k], abs=1e-9)}
    assert changed == {("scale", "mean_reward")}
    assert after["scale", "mean_reward"] == pytest.approx(before["scale", "mean_reward"] + 10)


def test_a_factor_changes_levels_and_calibration_not_order() -> None:
    before, after = _results(1, 0), _results(3, 0)
    changed = {audit for audit, metric in before if before[audit, metric] != pytest.approx(after[audit, metric])}
    assert changed == {"margin", "calibration", "scale"}
    for metric in ("reward_sd", "margin_sd"):
        assert after["scale", metric] == pytest.approx(3 * before["scale", metric])


def test_a_pairwise_judge_has_no_level() -> None:
    judge: ScoreTable = scores([1.0, -1.0, 2.0]).margins_only()
    results = ask(Scale(), judge)
    assert {r.reason for r in results.values()} == {"not_applicable"}
    assert {r.status for r in results.values()} == {"INCONCLUSIVE"}
