"""The noise ceiling against exhaustive expectations, leave-one-group-out refits, and worlds with a known ceiling."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, betabinom
from slices import ask, one, scores

from rmx.audits.noise_ceiling import NoiseCeiling, highest_ceiling
from rmx.audits.statistics import Clusters
from rmx.audits.statistics.beta_binomial import beta_ceiling, fit_beta_ceiling
from rmx.audits.votes import NOT_IDENTIFIABLE
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable


def voted(chances: np.ndarray, votes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Votes for the majority side and for the other of annotators who vote for one side with the given chances."""
    first = np.random.default_rng(seed).binomial(votes, chances)
    return np.maximum(first, votes - first), np.minimum(first, votes - first)


def table(chosen: np.ndarray, rejected: np.ndarray, **columns) -> ScoreTable:
    tags = [json.dumps({"votes": f"[{c}, {r}, 0]"}) for c, r in zip(chosen.tolist(), rejected.tolist(), strict=True)]
    return scores(np.ones(len(tags)), tags=tags, **columns)


def found(*tables: ScoreTable) -> dict[str, AuditResult]:
    return {metric: r for (_, _, metric), r in ask(NoiseCeiling(), *tables).items()}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_ceiling_of_any_pairs_lies_within_the_range(chances: list[float]) -> None:
    """All pairs enumerated: q² + (1-q)² is how often two annotators agree, max(q, 1-q) what the best scorer gets."""
    q = np.array(chances)
    agreement, ceiling = np.mean(q**2 + (1 - q) ** 2), np.mean(np.maximum(q, 1 - q))
    assert agreement - 1e-12 <= ceiling <= highest_ceiling(agreement) + 1e-12


def test_both_ends_of_the_range_can_be_true() -> None:
    agreement = 0.68
    plain_or_coin = np.array([1.0] * 36 + [0.5] * 64)  # u is 0 or 1
    equally_hard = np.full(100, 0.5 + math.sqrt(2 * agreement - 1) / 2)
    for q, ceiling in ((plain_or_coin, agreement), (equally_hard, highest_ceiling(agreement))):
        assert np.mean(q**2 + (1 - q) ** 2) == pytest.approx(agreement)
        assert np.mean(np.maximum(q, 1 - q)) == pytest.approx(ceiling)


@pytest.mark.parametrize("alpha", [0.05, 0.4, 1.0, 1.325, 6.0, 80.0])
def test_the_ceiling_of_a_beta_distribution_is_its_integral(alpha: float) -> None:
    half, _ = quad(lambda q: q * beta.pdf(q, alpha, alpha), 0.5, 1)
    assert beta_ceiling(math.log(alpha)) == pytest.approx(2 * half, abs=1e-6)


def test_the_fit_is_the_most_likely_beta_binomial_and_its_error_the_jackknifes() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 400)
    first, second = voted(rng.beta(1.3, 1.3, 400), 5)
    interval = fit_beta_ceiling(first, second, Clusters(groups))
    assert interval is not None
    grid = np.linspace(-1.5, 2, 3501)
    likelihood = [np.log(betabinom.pmf(first, 5, a, a) + betabinom.pmf(second, 5, a, a)).sum() for a in np.exp(grid)]
    assert interval.estimate == pytest.approx(beta_ceiling(grid[int(np.argmax(likelihood))]), abs=2e-4)
    left = []
    for group in range(60):
        kept = groups != group
        part = fit_beta_ceiling(first[kept], second[kept], Clusters(groups[kept]))
        assert part is not None
        left.append(part.estimate)
    jackknife = math.sqrt(59 / 60 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert interval.standard_error == pytest.approx(jackknife, rel=0.05)


def test_which_side_is_called_first_does_not_matter() -> None:
    first, second = voted(np.random.default_rng(1).beta(2, 2, 200), 3)
    swap = np.random.default_rng(2).random(200) < 0.5
    turned = np.where(swap, second, first), np.where(swap, first, second)
    for metric, result in found(table(first, second)).items():
        assert found(table(*turned))[metric].estimate == pytest.approx(result.estimate)


def test_three_votes_in_a_bradley_terry_world() -> None:
    """Logits N(0, 2): unit-variance gold, two answers, scale 1. Ceiling 72.5% and agreement 63.7% are known."""
    logits = np.random.default_rng(3).normal(0, math.sqrt(2), 4000)
    q = 1 / (1 + np.exp(-logits))
    truth = np.maximum(q, 1 - q).mean()
    assert truth == pytest.approx(0.725, abs=0.01)
    results = found(table(*voted(q, 3)))
    low, high, point = (results[f"accuracy_{x}"] for x in ("low", "high", "point"))
    assert low.estimate == pytest.approx(0.637, abs=0.015)
    assert low.estimate < truth < high.estimate
    assert point.ci_low < truth < point.ci_high
    assert low.estimate < point.estimate < high.estimate
    assert "cannot check" in point.reason
    assert (low.n_pairs, low.detail["votes"]) == (4000, {"3": 4000})


@pytest.mark.parametrize(("votes", "kept"), [(3, True), (5, True), (2, False)])
def test_intervals_cover_the_truth(votes: int, kept: bool) -> None:
    """The ends are those of the true agreement; even votes are used where even splits are there."""
    alpha = 1.5
    agreement = (1 + 1 / (2 * alpha + 1)) / 2
    inside = {"low": 0, "high": 0, "point": 0}
    truth = {"low": agreement, "high": highest_ceiling(agreement), "point": beta_ceiling(math.log(alpha))}
    for seed in range(60):
        q = np.random.default_rng(seed).beta(alpha, alpha, 300)
        for metric, result in found(table(*voted(q, votes, seed))).items():
            end = metric.removeprefix("accuracy_")
            inside[end] += result.estimate is not None and result.ci_low <= truth[end] <= result.ci_high
    assert min(inside["low"], inside["high"]) >= 51  # 99.9% of Binomial(60, .95)
    assert inside["point"] >= 51 if kept else inside["point"] == 0


def test_pairs_that_became_pairs_by_not_being_split_are_left_out() -> None:
    q = np.random.default_rng(4).beta(1.5, 1.5, 3000)
    first, second = voted(q, 4)
    decided = first != second
    three = voted(np.random.default_rng(5).beta(1.5, 1.5, 400), 3)
    both = [np.concatenate(x) for x in zip((first[decided], second[decided]), three, strict=True)]
    results = found(table(*both))
    assert results["accuracy_low"].detail["left_out"]["even_number_of_votes"] == decided.sum()
    assert results["accuracy_low"].estimate == pytest.approx(found(table(*three))["accuracy_low"].estimate)
    kept = found(table(first, second))
    assert kept["accuracy_low"].n_pairs == 3000
    assert kept["accuracy_low"].estimate == pytest.approx(0.625, abs=0.02)  # (1 + 1/4) / 2


def test_divided_pairs_that_were_set_aside_are_read_from_their_slice() -> None:
    first, second = voted(np.random.default_rng(6).beta(1, 1, 600), 3)
    divided = second > 0
    heldout = table(first[~divided], second[~divided])
    alone = found(heldout)
    assert {r.reason for r in alone.values()} == {NOT_IDENTIFIABLE}
    assert "set aside" in alone["accuracy_low"].detail["missing"]
    disputed = table(first[divided], second[divided], slice="disputed", groups=np.arange(600)[divided] + 1000)
    pooled = found(heldout, disputed)
    assert pooled["accuracy_low"].n_pairs == 600
    assert pooled["accuracy_low"].estimate == pytest.approx(found(table(first, second))["accuracy_low"].estimate)


@pytest.mark.parametrize("tags", [None, ["{}"] * 20, ['{"votes": "[1, 0, 0]"}'] * 20, ['{"votes": "[1, 0, 2]"}'] * 20])
def test_one_label_identifies_nothing(tags: list[str] | None) -> None:
    results = found(scores(np.ones(20), tags=tags))
    assert {(r.status, r.reason) for r in results.values()} == {("INCONCLUSIVE", NOT_IDENTIFIABLE)}


@pytest.mark.parametrize("text", ["[2, 1, 0]", "[2,1]", "2:1", "2, 1, 4"])
def test_votes_from_elsewhere(text: str) -> None:
    tags = [json.dumps({"votes": text}), json.dumps({"votes": "[3, 0, 0]"})] * 10
    assert found(scores(np.ones(20), tags=tags))["accuracy_low"].estimate == pytest.approx((1 / 3 + 1) / 2)


def test_votes_that_are_none_are_named() -> None:
    result = one(NoiseCeiling(), scores([1.0], tags=['{"votes": "many"}']), metric="accuracy_low")
    assert "p000000" in result.reason
    assert "'many'" in result.reason


def test_coins_reach_one_half_and_have_no_point() -> None:
    results = found(table(*voted(np.full(400, 0.5), 3, seed=7)))
    assert results["accuracy_low"].estimate == pytest.approx(0.5, abs=0.03)
    assert results["accuracy_low"].ci_low >= 0.5
    low = found(table(*voted(np.full(5000, 0.5), 3, seed=8)))
    assert low["accuracy_high"].ci_high < 0.65
