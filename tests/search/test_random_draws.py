"""Random draws: of a trial's number alone, and of the distribution that was asked for."""

from __future__ import annotations

from scipy import stats

from rmx.search.parameter import build_space
from rmx.search.random_draws import RandomDraws

PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2},
    "r": {"values": [8, 16], "probabilities": [0.25, 0.75]},
    "warmup": {"distribution": "beta", "a": 2, "b": 3},
}


def draws(seed=0, count=400):
    method = RandomDraws(build_space(PARAMETERS, "s.yaml"), seed=seed)
    return [method.propose(number) for number in range(count)]


def test_a_trial_is_a_function_of_seed_and_number():
    backwards = RandomDraws(build_space(PARAMETERS, "s.yaml"), seed=0)
    assert [backwards.propose(number) for number in reversed(range(20))] == draws(count=20)[::-1]
    assert draws(seed=1, count=3) != draws(count=3)


def test_they_follow_their_distributions():
    points = draws()
    rates = [point.values["lr"] for point in points]
    assert stats.kstest(rates, stats.loguniform(1e-5, 1e-2).cdf).pvalue > 0.01
    assert stats.kstest([point.values["warmup"] for point in points], stats.beta(2, 3).cdf).pvalue > 0.01
    share = sum(point.values["r"] == 16 for point in points) / len(points)
    assert abs(share - 0.75) < 0.07
    assert abs(stats.spearmanr(rates, [point.values["warmup"] for point in points]).statistic) < 0.15
