"""Best-of-n by integration: the curves of the specification, order statistics, and drawn samples."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from rmx.worlds.latent import LatentParams, LatentReward, best_of_n, latent_samples

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
EXPLOIT = LatentParams(exploit_rate=0.02, exploit_loss=1.5)


@pytest.mark.parametrize(
    ("bonus", "peak", "gold_at_peak", "gold_at_128"),
    [(1.5, 128, 1.70, 1.70), (2.0, 64, 1.31, 1.27), (2.5, 16, 1.06, 0.76), (3.0, 16, 0.95, 0.27)],
)
def test_the_four_curves_of_the_specification(bonus: float, peak: int, gold_at_peak: float, gold_at_128: float) -> None:
    """reference/audits.md, section 5: 2% exploit, loss 1.5, noise .6.

    They hold if the proxy reads quality and pays the whole bonus on top, blind to the loss: proxy = quality + h·exploit
    + noise, gold = quality - 1.5·exploit. Of h = 2 the specification has 1.31 at the peak, by simulation; it is 1.303.
    """
    curve = best_of_n(EXPLOIT, LatentReward(noise=0.6, exploit=bonus), SIZES)
    assert curve.peak == peak
    assert curve.gold.max() == pytest.approx(gold_at_peak, abs=0.008)
    assert curve.gold[-1] == pytest.approx(gold_at_128, abs=0.006)
    assert (np.diff(curve.proxy) > 0).all()
    if bonus == 3.0:
        assert curve.proxy[-1] == pytest.approx(3.9, abs=0.05)


@pytest.mark.parametrize("n", [1, 2, 16, 128])
def test_without_an_exploit_it_is_the_mean_of_a_normal_maximum(n: int) -> None:
    highest = quad(lambda x: x * n * norm.pdf(x) * norm.cdf(x) ** (n - 1), -10, 12)[0]
    curve = best_of_n(LatentParams(), LatentReward(noise=0.6, rescoring=0.0), (n,))
    assert curve.proxy[0] == pytest.approx(math.sqrt(1.36) * highest, abs=1e-6)
    assert curve.gold[0] == pytest.approx(highest / math.sqrt(1.36), abs=1e-6)


def test_one_sample_is_the_policy() -> None:
    params = replace(EXPLOIT, list_rate=0.3)
    curve = best_of_n(params, LatentReward(exploit=2.0, lists=0.5, offset=1.0), (1,))
    assert curve.gold[0] == pytest.approx(-1.5 * 0.02)
    assert curve.proxy[0] == pytest.approx(1.0 + 2.0 * 0.02 + 0.5 * 0.3)


@pytest.mark.parametrize(
    "reward",
    [
        LatentReward(noise=0.6, exploit=3.0),
        LatentReward(length=0.5, lists=0.4, flattery=0.3, refusal=-0.5, prompt_weight=0.4, temperature=1.5, offset=2.0),
    ],
)
def test_drawn_samples_follow_the_curve(reward: LatentReward) -> None:
    params = LatentParams(
        exploit_rate=0.02, length_quality=0.4, sample_prompts=1500, samples=16, difficulty=0.0, general=0.4
    )
    table = latent_samples(params, reward).table.sort_by("group")
    proxy, gold = (table[name].to_numpy().reshape(1500, 16) for name in ("reward", "gold"))
    for n in (1, 4, 16):
        curve = best_of_n(params, reward, (n,))
        chosen = proxy[:, :n].argmax(1)
        won = gold[np.arange(1500), chosen]
        assert won.mean() == pytest.approx(curve.gold[0], abs=4 * won.std() / math.sqrt(1500))
        highest = proxy[:, :n].max(1)
        assert highest.mean() == pytest.approx(curve.proxy[0], abs=4 * highest.std() / math.sqrt(1500))


def test_new_topics_have_no_one_curve() -> None:
    with pytest.raises(ValueError, match="new topics"):
        best_of_n(LatentParams(fresh_new_topics=0.3), LatentReward(), (1,), slice="fresh_policy")
