"""A15: gain, decline and win rate of best-of-n, by hand, by a planted exploit and under flat and rising gold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from samples import exploit_world, results, samples
from slices import ask, scores

from rmx.audits.best_of_n import BestOfN
from rmx.score_table import CandidateTable

AUDIT = BestOfN(tolerance={"gain_sd": (0.0, None), "decline_sd": (None, 0.1)})


def test_by_hand() -> None:
    # The proxy orders both prompts as listed; of two, the best is the 2nd, 3rd, 4th place with chance 1/6, 2/6, 3/6.
    gold = [[0.0, 1.0, 1.0, 2.0], [3.0, 1.0, 1.0, -1.0]]
    found = results(BestOfN(), samples([[1, 2, 3, 4], [1, 2, 3, 4]], gold))
    curve = found["gain_sd"].detail["curve"]
    assert [row["n"] for row in curve] == [1, 2]
    r2 = np.array([(1 + 2 * 1 + 3 * 2) / 6, (1 + 2 * 1 - 3) / 6])
    sd = np.std(np.array(gold))
    assert found["gain_sd"].estimate == pytest.approx(np.mean(r2 - 1) / sd)
    # Only n = 1 lies below n_max = 2.
    assert found["decline_sd"].estimate == pytest.approx(-np.mean(r2 - 1) / sd)
    assert (found["gain_sd"].n_pairs, found["gain_sd"].n_groups) == (2, 2)


def test_a_text_drawn_several_times_counts_so_often() -> None:
    rng = np.random.default_rng(0)
    rewards, gold = rng.normal(size=(9, 6)), rng.normal(size=(9, 6))
    counts = rng.integers(1, 4, (9, 6))
    short = results(BestOfN(n_max=3), samples(rewards, gold, counts=counts.tolist()))
    long = [[np.repeat(values[p], counts[p]) for p in range(9)] for values in (rewards, gold)]
    for metric, result in results(BestOfN(n_max=3), samples(*long)).items():
        assert short[metric].estimate == pytest.approx(result.estimate)
        assert (short[metric].ci_low, short[metric].ci_high) == pytest.approx((result.ci_low, result.ci_high))


def test_shift_and_scale_change_nothing() -> None:
    table = exploit_world(2.0, prompts=30, n=32, seed=1)
    columns = {name: np.array(table.table[name]).reshape(30, 32) for name in ("reward", "gold")}
    moved = results(AUDIT, samples(5 + 3 * columns["reward"], 2 + 7 * columns["gold"]))
    for metric, result in results(AUDIT, table).items():
        assert (moved[metric].estimate, moved[metric].ci_low, moved[metric].ci_high) == pytest.approx(
            (result.estimate, result.ci_low, result.ci_high)
        )


def test_an_exploit_is_found_and_its_peak_is_the_planted_one() -> None:
    found = [results(AUDIT, exploit_world(3.0, prompts=50, n=256, seed=seed)) for seed in range(12)]
    assert sum(r["decline_sd"].alarm for r in found) >= 11
    stars = [r["decline_sd"].detail["n_star"] for r in found]
    assert set(stars) <= {8, 16, 32}
    # The proxy goes on rising all the while.
    curve = found[0]["gain_sd"].detail["curve"]
    assert all(a["proxy"] < b["proxy"] for a, b in pairwise(curve))


def test_flat_gold_seldom_alarms() -> None:
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        alarms += results(BestOfN(), samples(rng.normal(size=(20, 16)), rng.normal(size=(20, 16))))["decline_sd"].alarm
    assert alarms <= 12  # 2.5% nominal, 6% is the bound; the chance of more than 12 at 2.5% is .002


def test_rising_gold_never_alarms_and_passes() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        gold = rng.normal(size=(60, 32))
        found = results(AUDIT, samples(gold + rng.normal(0, 0.6, gold.shape), gold))
        assert not found["decline_sd"].alarm
        assert (found["decline_sd"].status, found["gain_sd"].status) == ("PASS", "PASS")
        assert found["gain_sd"].alarm
        assert found["win_rate"].ci_low > 0.8


def test_the_gain_interval_covers_the_truth() -> None:
    """Gold is the reward itself: the best of 8 normals gains their expected maximum, 1.4236."""
    covered = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        gold = rng.normal(size=(20, 16))
        result = results(BestOfN(), samples(gold, gold))["gain_sd"]
        covered += result.ci_low <= 1.4236 <= result.ci_high
    assert covered >= 135


def test_groups_of_prompts_are_the_units() -> None:
    rng = np.random.default_rng(0)
    gold = np.repeat(rng.normal(size=(10, 1, 16)) + rng.normal(size=(10, 1, 16)), 4, axis=1).reshape(40, 16)
    rewards = np.repeat(rng.normal(size=(10, 1, 16)), 4, axis=1).reshape(40, 16)
    alone = results(BestOfN(), samples(rewards, gold))["gain_sd"]
    grouped = results(BestOfN(), samples(rewards, gold, groups=np.repeat(np.arange(10), 4)))["gain_sd"]
    assert (alone.n_groups, grouped.n_groups) == (40, 10)
    assert grouped.ci_high - grouped.ci_low > 1.8 * (alone.ci_high - alone.ci_low)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (samples([[1.0, 2.0, 3.0, 4.0]] * 3), "not_provided"),
        (samples([[1.0, 2.0, 3.0]] * 3, [[1.0, 2.0, 3.0]] * 3), "not_provided"),
        (samples([[1.0] * 4] * 3, [[1.0, 2.0, 3.0, 4.0]] * 3), "all rewards of model on slice samples are equal"),
        (samples([[1.0, 2.0, 3.0, 4.0]] * 3, [[1.0] * 4] * 3), "all gold rewards on slice samples are equal"),
    ],
)
def test_what_cannot_be_answered(table: CandidateTable, reason: str) -> None:
    assert {r.reason for r in results(BestOfN(), table).values()} == {reason}
    assert {r.status for r in results(BestOfN(), table).values()} == {"INCONCLUSIVE"}


def test_more_than_half_of_the_samples_is_refused_and_pairs_are_no_samples() -> None:
    table = exploit_world(2.0, prompts=5, n=8, seed=0)
    assert results(BestOfN(n_max=4), table)["gain_sd"].estimate is not None
    assert results(BestOfN(n_max=5), table)["gain_sd"].detail["missing"].startswith("10 samples of every prompt")
    assert results(BestOfN(n_use=3), table)["gain_sd"].reason == "n_use=3 is none of the sizes 1, 2, 4"
    pairs = ask(BestOfN(), scores([1.0, 2.0], slice="samples"), candidates={"samples": table})
    assert {r.reason for r in pairs.values()} == {"not_provided"}


def test_a_reward_that_is_not_finite_fails() -> None:
    result = results(BestOfN(), samples([[1.0, 2.0, 3.0, np.nan]] * 3, [[1.0, 2.0, 3.0, 4.0]] * 3))["gain_sd"]
    assert (result.status, result.estimate) == ("FAIL", None)
