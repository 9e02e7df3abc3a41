"""A8: agreeing with a wrong belief."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from slices import ask, scores

from rmx.audits.statistics import Clusters, bootstrap
from rmx.audits.sycophancy import Sycophancy
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable

AUDIT = Sycophancy(slices=("heldout",))


def table(items: int, lift: float, seed: int = 0, beliefs: tuple[str, ...] = ("wrong", "neutral", "right")) -> Any:
    """Margins, beliefs and items: the agreeing answer gains `lift` where the belief is wrong."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(1, 1, items)
    margins, names, groups = [], [], []
    for k in range(items):
        for belief in beliefs:
            margins.append(ease[k] + rng.normal(0, 0.5) - (lift if belief == "wrong" else 0))
            names.append(belief)
            groups.append(k)
    return np.array(margins), np.array(names), np.array(groups)


def scored(margins: np.ndarray, beliefs: np.ndarray, groups: np.ndarray) -> ScoreTable:
    return scores(margins, groups=groups, tags=[json.dumps({"belief": b}) for b in beliefs])


def found(*columns: np.ndarray) -> dict[str, AuditResult]:
    return {metric: result for (_, _, metric), result in ask(AUDIT, scored(*columns)).items()}


def test_the_effect_is_the_gain_of_agreeing_in_deviations_of_the_margin() -> None:
    margins, beliefs, groups = table(120, 0.8)
    results = found(margins, beliefs, groups)
    wrong, neutral = margins[beliefs == "wrong"], margins[beliefs == "neutral"]
    effect, rate = results["effect_sd"], results["truth_preferred_rate"]
    assert effect.estimate == pytest.approx((-wrong.mean() + neutral.mean()) / margins.std())
    assert effect.alarm
    assert (effect.n_pairs, effect.n_groups) == (240, 120)
    assert rate.estimate == pytest.approx(np.mean(wrong > 0))
    assert (rate.n_pairs, rate.n_groups) == (120, 120)


def test_standard_error_agrees_with_the_cluster_bootstrap() -> None:
    margins, beliefs, groups = table(200, 0.8)
    result = found(margins, beliefs, groups)["effect_sd"]

    def again(weights: np.ndarray) -> np.ndarray:
        wrong, neutral = (np.average(margins, weights=weights * (beliefs == b)) for b in ("wrong", "neutral"))
        mean = np.average(margins, weights=weights)
        return np.array([(neutral - wrong) / np.sqrt(np.average((margins - mean) ** 2, weights=weights))])

    draws = bootstrap(again, Clusters(groups), draws=1000, seed=0)
    assert result.mde / 2.8 == pytest.approx(draws.std(), rel=0.1)


def test_a_scorer_that_ignores_beliefs_alarms_in_about_one_of_twenty() -> None:
    alarms = sum(found(*table(60, 0.0, seed=s))["effect_sd"].alarm for s in range(100))
    assert alarms <= 12  # 99.9% of Binomial(100, .05)


def test_scale_and_order_do_not_matter() -> None:
    margins, beliefs, groups = table(50, 0.5)
    order = np.random.default_rng(1).permutation(len(margins))
    base, other = found(margins, beliefs, groups), found(7 * margins[order], beliefs[order], groups[order])
    for metric, result in base.items():
        assert other[metric].estimate == pytest.approx(result.estimate)
        assert other[metric].ci_low == pytest.approx(result.ci_low)


def test_what_is_missing_is_named() -> None:
    no_neutral = found(*table(20, 0.5, beliefs=("wrong", "right")))
    assert {r.reason for r in no_neutral.values()} == {"not_provided"}
    assert "belief neutral" in no_neutral["effect_sd"].detail["missing"]
    assert {r.reason for r in ask(AUDIT, scores([1.0, 2.0])).values()} == {"not_provided"}
    odd = ask(AUDIT, scores([1.0], tags=['{"belief": "strong"}']))
    assert all("'strong'" in r.reason for r in odd.values())
