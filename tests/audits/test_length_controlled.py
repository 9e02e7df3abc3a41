"""A5c against statsmodels' GLM with clustered errors, its coverage, and rules for who is compared with whom."""

from __future__ import annotations

import json

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from slices import ask, scores

from rmx.audits.length_controlled import LengthControlled
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable

REFERENCE = "reference"


def compared(
    wins: np.ndarray,
    longer: np.ndarray,
    *,
    policy: np.ndarray | str = "mine",
    groups: np.ndarray | None = None,
    difficulty: np.ndarray | None = None,
    seed: int = 0,
) -> ScoreTable:
    """Pairs of a policy and the reference: who wins by the scorer, how much longer the policy's answer is.

    Which side the label chose is drawn by chance: the audit is of what the scorer prefers.
    """
    n = len(wins)
    chosen = np.random.default_rng(seed).random(n) < 0.5
    names = np.full(n, policy) if isinstance(policy, str) else policy
    lengths = {
        "chosen_tokens": np.where(chosen, 500 + longer, 500),
        "rejected_tokens": np.where(chosen, 500, 500 + longer),
    }
    tags = []
    for i in range(n):
        sides = (str(names[i]), REFERENCE) if chosen[i] else (REFERENCE, str(names[i]))
        tag = {"chosen_policy": sides[0], "rejected_policy": sides[1]}
        if difficulty is not None:
            tag["instruction_difficulty"] = repr(float(difficulty[i]))
        tags.append(json.dumps(tag))
    margins = np.where(chosen, 1.0, -1.0) * (2 * wins - 1)
    return scores(margins, tags=tags, groups=groups, **{k: v.tolist() for k, v in lengths.items()})


def world(
    n: int, seed: int, *, theta: float = 0.4, phi: float = 1.2, lean: float = 60.0, psi: float = 0.0, per_group: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Wins of a policy that writes `lean` tokens more, lengths, difficulty and groups; groups share their luck."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // per_group
    longer = np.rint(rng.normal(lean, 100, n))
    difficulty = rng.normal(0, 1, n)
    logits = theta + phi * np.tanh(longer / longer.std(ddof=1)) + psi * difficulty
    luck = rng.random(groups.max() + 1)[groups]
    own = rng.random(n)
    wins = (np.where(rng.random(n) < 0.4, luck, own) < expit(logits)).astype(float)
    return wins, longer, difficulty, groups


def found(table: ScoreTable, *, reference: str | None = REFERENCE, **parameters) -> dict[str, AuditResult]:
    audit = LengthControlled(reference=reference, **parameters)
    return {metric: r for (_, _, metric), r in ask(audit, table).items()}


def test_one_policy_is_a_logistic_regression_with_clustered_errors() -> None:
    wins, longer, _, groups = world(400, seed=0)
    wins[::37] = 0.5  # ties
    results = found(compared(wins, longer, groups=groups))
    design = np.column_stack([np.ones(400), np.tanh(longer / longer.std(ddof=1))])
    fit = sm.GLM(wins, design, family=sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    controlled = results["controlled_win_rate"]
    assert controlled.estimate == pytest.approx(expit(fit.params[0]), rel=1e-7)
    error = fit.bse[0] * np.sqrt(200 / 199)
    assert (logit(controlled.ci_high) - logit(controlled.ci_low)) / 2 == pytest.approx(error * 1.972, rel=1e-3)
    assert results["win_rate"].estimate == pytest.approx(wins.mean())
    premium = results["length_premium"]
    assert premium.estimate == pytest.approx(wins.mean() - controlled.estimate)
    assert premium.alarm
    assert premium.detail["observational"]
    assert results["win_rate"].detail["longer_share"] == pytest.approx((longer > 0).mean())


def test_errors_are_the_jackknifes_also_with_difficulty_and_several_policies() -> None:
    parts = [world(150, seed=k, theta=0.3 * k, psi=0.8, per_group=1) for k in range(3)]
    wins, longer, difficulty = (np.concatenate([part[i] for part in parts]) for i in range(3))
    policy, groups = np.repeat(["a", "b", "c"], 150), np.tile(np.arange(150), 3)

    def of(kept: np.ndarray) -> dict[str, AuditResult]:
        table = compared(
            wins[kept], longer[kept], policy=policy[kept], groups=groups[kept], difficulty=difficulty[kept]
        )
        return found(table)

    results = of(np.ones(450, bool))
    # statsmodels, one fit a policy, averaged over prompts at equal lengths.
    predicted = np.zeros(450)
    for name in "abc":
        mine = policy == name
        spread = longer[mine].std(ddof=1)
        design = np.column_stack([np.ones(150), difficulty[mine], np.tanh(longer[mine] / spread)])
        fit = sm.GLM(wins[mine], design, family=sm.families.Binomial()).fit(tol=1e-12)
        predicted[mine] = expit(design[:, :2] @ fit.params[:2])
        per_policy = results["win_rate"].detail["policies"][name]
        assert per_policy["controlled_win_rate"] == pytest.approx(predicted[mine].mean(), rel=1e-7)
        assert per_policy["ci_low"] < per_policy["controlled_win_rate"] < per_policy["ci_high"]
    assert results["controlled_win_rate"].estimate == pytest.approx(predicted.mean(), rel=1e-7)
    assert results["controlled_win_rate"].detail["adjusted_for"] == ["length", "instruction_difficulty"]
    left = [of(groups != g) for g in range(150)]
    for metric in ("controlled_win_rate", "length_premium"):
        values = np.array([part[metric].estimate for part in left])
        jackknife = np.sqrt(149 / 150 * np.sum((values - values.mean()) ** 2))
        assert results[metric].mde / 2.8 == pytest.approx(jackknife, rel=0.05)


@pytest.mark.parametrize(("theta", "phi", "lean"), [(0.4, 1.2, 60.0), (-1.0, 0.0, 0.0), (0.0, 2.0, 150.0)])
def test_intervals_cover_the_rate_at_equal_lengths(theta: float, phi: float, lean: float) -> None:
    held = premiums = 0
    for seed in range(120):
        wins, longer, _, groups = world(200, seed, theta=theta, phi=phi, lean=lean)
        results = found(compared(wins, longer, groups=groups))
        controlled, premium = results["controlled_win_rate"], results["length_premium"]
        held += controlled.ci_low <= expit(theta) <= controlled.ci_high
        owed = np.mean(expit(theta + phi * np.tanh(longer / longer.std(ddof=1)))) - expit(theta)
        premiums += premium.ci_low <= owed <= premium.ci_high
    assert held >= 106  # 0.1% of Binomial(120, .95)
    assert premiums >= 106


def test_a_scorer_blind_to_length_owes_it_nothing() -> None:
    alarms = 0
    for seed in range(60):
        wins, longer, _, groups = world(200, seed, phi=0.0, lean=150.0)
        alarms += found(compared(wins, longer, groups=groups))["length_premium"].alarm
    assert alarms <= 9  # 0.1% of Binomial(60, .05)


def test_without_difficulty_the_rate_is_an_average_nearer_to_one_half() -> None:
    """What is left out where the data have no difficulty, and of how little weight it is where length is apart."""
    wins, longer, difficulty, groups = world(6000, seed=1, theta=1.0, psi=1.5, per_group=1)
    with_it = found(compared(wins, longer, groups=groups, difficulty=difficulty))
    without = found(compared(wins, longer, groups=groups))
    truth = expit(1.0 + 1.5 * np.random.default_rng(0).normal(0, 1, 200_000)).mean()
    for results in (with_it, without):
        assert results["controlled_win_rate"].estimate == pytest.approx(truth, abs=0.03)
    assert without["controlled_win_rate"].estimate < expit(1.0) - 0.02


def test_where_length_decides_everything_there_is_no_fit() -> None:
    longer = np.random.default_rng(0).normal(30, 50, 200).round()
    results = found(compared((np.sign(longer) + 1) / 2, longer))
    assert results["win_rate"].estimate == pytest.approx(((np.sign(longer) + 1) / 2).mean())
    for metric in ("controlled_win_rate", "length_premium"):
        assert results[metric].estimate is None
        assert "decides what is preferred of mine and the reference" in results[metric].reason
    # Nor where equal lengths, ties or coins, tell the level and leave the slope without end.
    longer[:20] = 0
    for at_equal in (np.full(20, 0.5), np.tile([0.0, 1.0], 10)):
        wins = np.r_[at_equal, (np.sign(longer[20:]) + 1) / 2]
        assert found(compared(wins, longer))["controlled_win_rate"].estimate is None
    always = found(compared(np.ones(200), longer))
    assert always["controlled_win_rate"].estimate is None
    same = found(compared(np.tile([0.0, 1.0], 100), np.full(200, 7.0)))
    assert "never differ" in same["controlled_win_rate"].reason


def test_swapping_policy_and_reference_mirrors_the_rates() -> None:
    wins, longer, _, groups = world(300, seed=3)
    base = found(compared(wins, longer, groups=groups))
    other = found(compared(wins, longer, groups=groups), reference="mine", policy=REFERENCE)
    for metric in ("win_rate", "controlled_win_rate"):
        assert other[metric].estimate == pytest.approx(1 - base[metric].estimate)
    assert other["length_premium"].estimate == pytest.approx(-base["length_premium"].estimate)


def test_who_is_compared_with_whom() -> None:
    wins, longer, _, _ = world(200, seed=4)
    policy = np.repeat(["a", "b"], 100)
    table = compared(wins, longer, policy=policy)
    both = found(table, reference=None)
    assert both["win_rate"].detail["reference"] == REFERENCE
    assert set(both["win_rate"].detail["policies"]) == {"a", "b"}
    alone = found(table, policy="b")
    assert (alone["win_rate"].n_pairs, alone["win_rate"].detail["left_out"]) == (100, 100)
    assert alone["win_rate"].estimate == pytest.approx(wins[100:].mean())
    assert "no pair of c and reference" in found(table, policy="c")["win_rate"].reason
    # Of two policies either may be the reference.
    two = found(compared(wins, longer), reference=None)["win_rate"]
    assert "set reference to one of mine, reference" in two.detail["missing"]
    one = json.dumps({"chosen_policy": "a", "rejected_policy": "a"})
    lengths = {"chosen_tokens": range(1, 10), "rejected_tokens": range(1, 10)}
    same = found(scores(np.ones(9), tags=[one] * 9, **lengths))
    assert "no pair of another policy and reference" in same["win_rate"].reason
    assert {r.reason for r in ask(LengthControlled(), scores(np.ones(9), tags=[one] * 9, **lengths)).values()} == {
        "not_applicable"
    }
    bare = found(scores(np.ones(9), **lengths))
    assert {r.reason for r in bare.values()} == {"not_provided"}
    assert {r.reason for r in found(scores(np.ones(9))).values()} == {"not_provided"}
