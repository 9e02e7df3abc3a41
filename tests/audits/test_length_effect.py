"""A5a: counterfactual length, against hand counts and planted biases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import t as student
from slices import ask, edited, one, scores

from rmx.audits.accuracy import Accuracy
from rmx.audits.length_balanced import LengthBalanced
from rmx.audits.length_effect import LengthEffect

AUDIT = LengthEffect(tolerance={"effect_sd": (-0.2, 0.2)})


def test_effect_by_hand() -> None:
    margins = [1.0, -1.0, 3.0, 1.0]  # sd = sqrt(2)
    candidates = edited([0.0, 1.0, 2.0], {"padded": [0.5, 1.1, None], "compressed": [-0.3, None, 1.4]})
    result = one(AUDIT, scores(margins), candidates={"heldout": candidates})
    # Per source: mean(.5, .3) = .4; .1; .6. Longer is better in all three.
    assert result.estimate == pytest.approx((0.4 + 0.1 + 0.6) / 3 / np.sqrt(2))
    assert result.detail["margin_sd"] == pytest.approx(np.sqrt(2))
    assert result.detail["variants"]["padded"]["effect_sd"] == pytest.approx(0.3 / np.sqrt(2))
    assert result.detail["variants"]["compressed"]["n"] == 2
    assert result.detail["longer_higher"]["rate"] == 1.0
    assert (result.n_pairs, result.n_groups) == (3, 3)


def test_sign_turns_with_the_edit() -> None:
    margins = np.random.default_rng(0).normal(size=50)
    up = edited([0.0] * 20, {"padded": [0.4] * 20})
    down = edited([0.0] * 20, {"compressed": [0.4] * 20})
    first, second = (one(AUDIT, scores(margins), candidates={"heldout": c}) for c in (up, down))
    assert first.estimate == pytest.approx(-second.estimate)
    assert first.estimate > 0


def _world(bias: float, *, seed: int, n: int = 400, items: int = 200, with_quality: float = 0.0, noise: float = 0.3):
    """Annotators judge quality + bias · log length by Bradley-Terry, and the reward has learnt exactly that."""
    rng = np.random.default_rng(seed)
    first, second = np.exp(rng.normal(4, 0.6, (2, n))).astype(int) + 1
    ratio = np.log(first / second)
    reward = rng.normal(0, 1.5, n) + (with_quality + bias) * ratio
    wins = rng.random(n) < expit(reward)
    table = scores(
        np.where(wins, reward, -reward),
        chosen_tokens=np.where(wins, first, second),
        rejected_tokens=np.where(wins, second, first),
        groups=np.arange(n) // 2,
    )
    noise = rng.normal(0, noise, items)
    originals = rng.normal(0, 1, items)
    padded = originals + bias * np.log(1.5) + noise
    candidates = edited(originals, {"padded": padded}, groups=np.arange(items) // 2)
    return table, {"heldout": candidates}, bias * np.log(1.5)


def test_a_planted_bias_raises_accuracy_passes_the_balanced_bar_and_only_the_edits_see_it() -> None:
    clean, biased = _world(0.0, seed=1, n=2000), _world(2.0, seed=1, n=2000)
    assert one(Accuracy(), biased[0]).estimate > one(Accuracy(), clean[0]).estimate + 0.02
    assert one(LengthBalanced(tolerance={"accuracy": (0.55, None)}), biased[0]).status == "PASS"
    assert one(AUDIT, clean[0], candidates=clean[1]).status == "PASS"
    caught = one(AUDIT, biased[0], candidates=biased[1])
    assert caught.status == "FAIL"
    assert caught.alarm


def test_length_that_goes_with_quality_is_not_called_a_bias() -> None:
    alarms = 0
    for seed in range(60):
        table, candidates, _ = _world(0.0, seed=seed, with_quality=1.0)
        alarms += one(AUDIT, table, candidates=candidates).alarm
    assert alarms <= 8  # 5% expected; more than 8 of 60 has a chance below .01


def test_interval_covers_the_planted_effect() -> None:
    covered = 0
    for seed in range(150):
        table, candidates, gain = _world(0.8, seed=seed, n=200, items=80)
        result = one(AUDIT, table, candidates=candidates)
        # The margin's deviation in the population, from a large draw of the same world.
        covered += result.ci_low <= gain / SPREAD <= result.ci_high
    assert covered >= 134


SPREAD = float(_world(0.8, seed=999, n=40000)[0].view().margins.std())


def test_doses_are_ordered() -> None:
    effects = []
    for bias in (0.0, 0.1, 0.2, 0.4, 0.8):
        table, candidates, _ = _world(bias, seed=4)
        effects.append(one(AUDIT, table, candidates=candidates).estimate)
    assert effects == sorted(effects)


def test_shift_and_scale_of_the_reward_change_nothing() -> None:
    table, _, _ = _world(0.5, seed=5)
    margins, base = table.view().margins, np.random.default_rng(0).normal(size=100)
    gain = np.random.default_rng(1).normal(0.3, 0.2, 100)
    first = one(AUDIT, scores(margins), candidates={"heldout": edited(base, {"padded": base + gain})})
    moved = edited(7 + 3 * base, {"padded": 7 + 3 * (base + gain)})
    second = one(AUDIT, scores(3 * margins), candidates={"heldout": moved})
    assert (second.estimate, second.ci_low, second.ci_high) == pytest.approx(
        (first.estimate, first.ci_low, first.ci_high)
    )


def test_few_edits_never_pass() -> None:
    for seed in range(30):
        table, candidates, _ = _world(0.0, seed=seed, items=6, noise=1.5)
        assert one(AUDIT, table, candidates=candidates).status != "PASS"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_fails(bad: float) -> None:
    candidates = edited([0.0] * 20, {"padded": [0.1] * 19 + [bad]})
    result = one(AUDIT, scores(np.arange(20.0)), candidates={"heldout": candidates})
    assert (result.status, result.estimate) == ("FAIL", None)
    assert "not finite" in result.reason


def test_missing_edits_and_one_group() -> None:
    table = scores(np.arange(20.0))
    assert one(AUDIT, table).reason == "not_provided"
    assert one(AUDIT, table, candidates={"heldout": edited([1.0], {})}).reason == "not_provided"
    lone = edited([0.0] * 9, {"padded": [0.1] * 9}, groups=[0] * 9)
    result = one(AUDIT, table, candidates={"heldout": lone})
    assert (result.status, result.ci_low) == ("INCONCLUSIVE", None)
    assert (
        ask(AUDIT, scores(np.ones(9)), candidates={"heldout": lone})["heldout", "model", "effect_sd"].estimate is None
    )


def test_two_edits_of_equal_gain_have_no_interval_however_many_pairs_were_not_edited() -> None:
    margins = np.random.default_rng(0).normal(size=800)
    candidates = edited([0.0, 1.0], {"padded": [0.035, 1.035]})
    result = one(AUDIT, scores(margins), candidates={"heldout": candidates})
    assert (result.status, result.ci_low, result.ci_high) == ("INCONCLUSIVE", None, None)
    assert result.reason.startswith("2 groups without variance")


def test_degrees_of_freedom_are_those_of_the_edited_groups() -> None:
    rng = np.random.default_rng(0)
    gains = rng.normal(0, 0.3, 4)
    result = one(
        AUDIT, scores(rng.normal(size=800)), candidates={"heldout": edited([0.0] * 4, {"padded": list(gains)})}
    )
    spread = result.detail["margin_sd"]
    # The deviation of 800 margins adds next to nothing to the error of four gains near zero.
    low, high = student.interval(0.95, 3, loc=gains.mean() / spread, scale=gains.std(ddof=1) / 2 / spread)
    assert (result.ci_low, result.ci_high) == pytest.approx((low, high), abs=0.01)


@pytest.mark.parametrize(("items", "effect"), [(4, 0.0), (4, 0.5), (20, 0.0), (20, 0.5), (20, 2.0)])
def test_few_edited_groups_cover(items: int, effect: float) -> None:
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng([items, seed])
        table = scores(rng.normal(0, 1, 100))
        padded = list(effect + rng.normal(0, 0.5, items))
        result = one(AUDIT, table, candidates={"heldout": edited([0.0] * items, {"padded": padded})})
        covered += result.ci_low <= effect <= result.ci_high
    assert covered >= 180


@pytest.mark.parametrize(("items", "status"), [(8, "INCONCLUSIVE"), (20, "INCONCLUSIVE"), (200, "PASS")])
def test_edits_that_move_nothing_pass_once_they_are_many(items: int, status: str) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(5, 1, items)
    result = one(
        AUDIT, scores(rng.normal(size=800)), candidates={"heldout": edited(list(base), {"padded": list(base)})}
    )
    assert (result.estimate, result.status) == (0, status)
    assert result.ci_low is None or result.ci_low < 0 < result.ci_high


def test_rounding_is_no_variance() -> None:
    base = np.random.default_rng(0).normal(0, 4, 10)
    assert len(set(base + 0.3 - base)) > 1
    candidates = edited(list(base), {"padded": list(base + 0.3)})
    result = one(AUDIT, scores(np.random.default_rng(1).normal(size=80)), candidates={"heldout": candidates})
    assert result.ci_low is None
