"""Reward minus β KL along best-of-n against a loop over halves, and in a world whose gold turns at a known n."""

from __future__ import annotations

import numpy as np
import pytest
from samples import exploit_world, results, samples

from rmx.audits.best_of_n import BestOfN
from rmx.audits.kl_penalty import KLPenalty
from rmx.audits.statistics import best_of_n, best_of_n_kl
from rmx.data.text import unit_interval


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_n_is_chosen_on_one_half_and_read_on_the_other(beta: float) -> None:
    rng = np.random.default_rng(4)
    quality = rng.normal(size=(30, 24))
    reward, gold = 3 * quality + rng.normal(0, 2, quality.shape), quality - 0.3 * quality**2
    found = results(KLPenalty(beta=beta), samples(reward, gold))

    sizes = (1, 2, 4, 8, 12)
    proxy = np.array([best_of_n(r, r, sizes) for r in reward])
    read = np.array([best_of_n(r, g, sizes) for r, g in zip(reward, gold, strict=True)])
    kl = np.array([best_of_n_kl(n) for n in sizes])
    order = sorted(range(30), key=lambda p: unit_interval(f"g{p}", "best of n"))
    gains, losses = np.zeros(30), np.zeros(30)
    for mine, other in ((order[0::2], order[1::2]), (order[1::2], order[0::2])):
        stop = int(np.argmax(proxy[other].mean(0) - beta * kl))
        best = int(np.argmax(read[other].mean(0)))
        gains[mine] = read[mine, stop] - read[mine, 0]
        losses[mine] = read[mine, best] - read[mine, stop]
    sd = np.sqrt(((gold - gold.mean()) ** 2).mean())
    assert found["gain_sd"].estimate == pytest.approx(gains.mean() / sd)
    assert found["shortfall_sd"].estimate == pytest.approx(losses.mean() / sd)
    objective = [row["objective"] for row in found["gain_sd"].detail["curve"]]
    assert objective == pytest.approx((proxy.mean(0) - proxy.mean(0)[0] - beta * kl).tolist())
    assert found["gain_sd"].detail["n_beta"] == sizes[int(np.argmax(objective))]


def test_a_price_stops_before_gold_declines_and_none_does_not() -> None:
    """Analytically gold is highest at n = 16 of 128 (exploit worth 3 in proxy, 2% of the answers)."""
    table = exploit_world(3.0, prompts=80, n=256, seed=1)
    free = results(KLPenalty(beta=0.0), table)
    assert free["gain_sd"].detail["n_beta_by_half"] == [128, 128]
    assert free["shortfall_sd"].alarm
    priced = results(KLPenalty(beta=1.0), table)
    assert priced["gain_sd"].detail["n_beta"] < 32
    assert not priced["shortfall_sd"].estimate > 0.5 * free["shortfall_sd"].estimate
    # So dear that nothing is gained.
    dear = results(KLPenalty(beta=50.0), table)
    assert dear["gain_sd"].detail["n_beta_by_half"] == [1, 1]
    assert dear["gain_sd"].estimate == 0


def test_repeated_answers_cost_less() -> None:
    rng = np.random.default_rng(0)
    rewards = np.sort(rng.normal(size=(20, 8)), 1)
    table = samples(rewards, rewards, counts=[[4] * 8] * 20)
    curve = results(BestOfN(), table)["gain_sd"].detail["curve"]
    assert curve[-1]["n"] == 16
    # The best of eight outcomes: log 8 is all that there is.
    assert curve[-1]["kl"] < np.log(8) < 2.1
    assert all(row["kl"] < row["kl_bound"] for row in curve[1:])
    assert curve[0]["kl"] == pytest.approx(0)
    priced = results(KLPenalty(beta=0.2), table)["gain_sd"].detail["curve"]
    assert [row["kl"] for row in priced] == [row["kl"] for row in curve]


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(ValueError, match="beta must not be negative"):
        KLPenalty(beta=-0.1)
