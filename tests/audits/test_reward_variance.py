"""A22: variance components against the textbook formula, a mixed model and planted truths."""

from __future__ import annotations

import numpy as np
import pytest
from samples import results, samples
from scipy import stats

from rmx.audits.reward_variance import RewardVariance

AUDIT = RewardVariance(tolerance={"within_share": (0.196, None)})


def draw(within: float, between: float, *, seed: int, prompts: int = 60, k: int = 8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, between, (prompts, 1)) + rng.normal(0, within, (prompts, k))


def test_components_are_those_of_a_mixed_model() -> None:
    import statsmodels.formula.api as smf

    rewards = draw(0.7, 1.2, seed=0)
    found = results(AUDIT, samples(rewards))["within_share"]
    data = {"y": rewards.ravel(), "prompt": np.repeat(np.arange(60), 8)}
    fit = smf.mixedlm("y ~ 1", data, groups=data["prompt"]).fit(reml=True)
    # For equally many samples of every prompt REML and analysis of variance agree.
    assert found.detail["within_sd"] == pytest.approx(fit.scale**0.5, rel=1e-4)
    assert found.detail["between_sd"] == pytest.approx(float(fit.cov_re.iloc[0, 0]) ** 0.5, rel=1e-3)
    assert found.detail["ratio"] == pytest.approx(found.detail["within_sd"] / found.detail["between_sd"])
    assert (found.n_pairs, found.n_groups) == (480, 60)


def test_components_are_unbiased_with_unequal_numbers_of_samples() -> None:
    within, between = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        rows = [rng.normal(0, 2) + rng.normal(0, 1, int(k)) for k in rng.integers(1, 9, 25)]
        found = results(RewardVariance(), samples(rows))["within_share"].detail
        within.append(found["within_sd"] ** 2)
        between.append(found["between_sd"] ** 2)
    assert np.mean(within) == pytest.approx(1, abs=4 * np.std(within) / 300**0.5)
    assert np.mean(between) == pytest.approx(4, abs=4 * np.std(between) / 300**0.5)


@pytest.mark.parametrize("ratio", [0.1, 0.2, 1.0])
def test_the_interval_covers(ratio: float) -> None:
    truth = ratio / (1 + ratio**2) ** 0.5
    covered = 0
    for seed in range(60):
        found = results(RewardVariance(), samples(draw(ratio, 1.0, seed=seed)))["within_share"]
        covered += found.ci_low <= truth <= found.ci_high
    assert covered >= 51


def test_the_error_is_that_of_a_jackknife_written_out() -> None:
    rewards = draw(0.7, 1.2, seed=1, prompts=12, k=4)

    def log_ratio(rows: np.ndarray) -> float:
        k = rows.shape[1]
        between = k * rows.mean(1).var(ddof=1)
        return float(np.log(between / rows.var(axis=1, ddof=1).mean()))

    logs = np.array([log_ratio(np.delete(rewards, i, axis=0)) for i in range(12)])
    error = np.sqrt(11 / 12 * ((logs - logs.mean()) ** 2).sum())
    ends = log_ratio(rewards) + np.array([1, -1]) * stats.t.ppf(0.975, 11) * error
    found = results(AUDIT, samples(rewards))["within_share"]
    assert [found.ci_low, found.ci_high] == pytest.approx([1 / np.sqrt(1 + (np.exp(x) - 1) / 4) for x in ends])


def test_a_reward_that_hardly_varies_within_prompts_fails_and_one_without_levels_passes() -> None:
    assert results(AUDIT, samples(draw(0.05, 1.0, seed=0)))["within_share"].status == "FAIL"
    assert results(AUDIT, samples(draw(1.0, 1.0, seed=0)))["within_share"].status == "PASS"
    level = draw(1.0, 0.0, seed=0)
    found = results(AUDIT, samples(level - level.mean(1, keepdims=True)))["within_share"]
    assert (found.estimate, found.detail["ratio"]) == (1.0, None)


def test_shift_and_scale_change_nothing() -> None:
    rewards = draw(0.5, 1.0, seed=3)
    first, second = (results(AUDIT, samples(r))["within_share"] for r in (rewards, 7 - 3 * rewards))
    assert (first.estimate, first.ci_low, first.ci_high) == pytest.approx(
        (second.estimate, second.ci_low, second.ci_high)
    )


def test_what_cannot_be_answered() -> None:
    for table in (samples([[1.0, 2.0]]), samples([[1.0], [2.0]])):
        assert results(AUDIT, table)["within_share"].reason == "not_provided"
    assert results(AUDIT, samples([[1.0, 1.0], [1.0, 1.0]]))["within_share"].estimate is None
    for table, why in (
        (samples([[float(p)] * 2 for p in range(20)]), "rewards do not vary within prompts"),
        (samples([[1.0, 2.0], [5.0, 6.0]]), "no group can be left out"),
    ):
        found = results(AUDIT, table)["within_share"]
        assert (found.ci_low, found.reason) == (None, why)
    assert results(AUDIT, samples([[1.0, np.inf], [1.0, 1.0]]))["within_share"].status == "FAIL"
