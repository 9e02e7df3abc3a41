"""A17: spread and error against brute force, planted ignorance, and a bias that all members share."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import samples
from scipy.stats import spearmanr
from slices import ask, scores

from rmx.audits.ensemble import Ensemble, _statistics
from rmx.score_table import CandidateTable

NAMES = ("one", "two", "three")
AUDIT = Ensemble(members=NAMES, draws=200)


def brute_force(margins: np.ndarray, errors: np.ndarray) -> list[float]:
    spread = margins.std(0, ddof=1)
    n = len(errors)
    wins = mass = 0.0
    for i in range(n):
        for j in range(n):
            weight = errors[i] * (1 - errors[j])
            wins += weight * (1.0 if spread[i] > spread[j] else 0.5 if spread[i] == spread[j] else 0.0)
            mass += weight
    rng = np.random.default_rng(0)

    def area(key: np.ndarray) -> float:
        areas = []
        for _ in range(1 if len(set(key)) == n else 4000):
            kept = errors[np.lexsort([rng.random(n), key])]
            areas.append(np.mean(kept.cumsum() / np.arange(1, n + 1)))
        return float(np.mean(areas))

    alike = [spearmanr(a, b).statistic for a, b in combinations(margins, 2)]
    return [wins / mass if mass else np.nan, area(spread), area(spread) - area(errors), float(np.mean(alike))]


def planted(*, prompts: int, per_prompt: int, seed: int, shared: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Margins (3, n) whose members err apart on hard pairs, or together by `shared`; the pairs' groups."""
    rng = np.random.default_rng(seed)
    n = prompts * per_prompt
    noise = np.repeat(rng.choice([0.3, 2.0], prompts), per_prompt)
    own = rng.normal(size=(3, n)) * (1 - shared) + rng.normal(size=n) * shared
    return 1.0 + noise * own, np.repeat(np.arange(prompts), per_prompt)


def table(margins: np.ndarray, groups: np.ndarray | None = None):
    first, *rest = [scores(m, groups=groups, scorer=name) for name, m in zip(NAMES, margins, strict=True)]
    return first.merge(*rest)


def test_all_statistics_are_those_of_brute_force() -> None:
    margins, _ = planted(prompts=30, per_prompt=1, seed=0)
    errors = (1 - np.sign(margins.mean(0))) / 2
    errors[4] = 0.5
    assert 0 < errors.mean() < 0.5
    found = _statistics(margins, errors)(np.ones(30))
    assert found[:2] == pytest.approx(brute_force(margins, errors)[:2], abs=1e-12)
    # Errors have few values: the oracle's order is drawn, not enumerated.
    assert found[:4] == pytest.approx(brute_force(margins, errors), abs=2e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=12, max_size=12), st.integers(0, 100))
def test_weights_are_repetitions(weights: list[int], seed: int) -> None:
    margins = np.round(np.random.default_rng(seed).normal(0.3, 1, (3, 12)), 1)
    errors = (1 - np.sign(margins.mean(0))) / 2
    whole = np.repeat(np.arange(12), weights)
    if len(whole) < 2:
        return
    repeated = _statistics(margins[:, whole], errors[whole])(np.ones(len(whole)))
    weighted = _statistics(margins, errors)(np.array(weights, dtype=float))
    np.testing.assert_allclose(weighted, repeated, atol=1e-9)


def test_members_that_err_apart_know_where_and_members_that_err_together_do_not() -> None:
    margins, groups = planted(prompts=150, per_prompt=2, seed=1)
    found = ask(AUDIT, table(margins, groups))
    apart = {metric: r for (_, _, metric), r in found.items()}
    assert apart["error_auroc"].ci_low > 0.6
    assert apart["excess_aurc"].estimate < apart["aurc"].estimate
    assert (apart["aurc"].n_pairs, apart["aurc"].n_groups) == (300, 150)
    rng = np.random.default_rng(0)
    blind = rng.normal(0.5, 1, 300) + rng.normal(0, 0.1, (3, 300))
    together = ask(AUDIT, table(blind))
    auroc = together["heldout", "model", "error_auroc"]
    assert auroc.ci_low < 0.5 < auroc.ci_high
    assert together["heldout", "model", "rank_correlation"].ci_low > 0.95


def test_scale_of_a_member_and_shift_of_its_rewards_change_nothing() -> None:
    margins, groups = planted(prompts=40, per_prompt=2, seed=2)
    first = ask(AUDIT, table(margins, groups))
    moved = [
        scores(k * m, groups=groups, scorer=name, rejected=np.full(80, 7.0 * k))
        for k, name, m in zip((1.0, 4.0, 0.25), NAMES, margins, strict=True)
    ]
    second = ask(AUDIT, moved[0].merge(*moved[1:]))
    for key, result in first.items():
        assert (second[key].estimate, second[key].ci_low, second[key].ci_high) == pytest.approx(
            (result.estimate, result.ci_low, result.ci_high)
        )


def test_spread_grows_along_best_of_n_where_members_disagree_at_the_top() -> None:
    rng = np.random.default_rng(0)
    quality = rng.normal(size=(40, 16))
    fooled = rng.random((3, 40, 16)) < 0.03  # each member is fooled by answers of its own
    rewards = quality + 4 * fooled
    tables = [samples(r, scorer=name) for r, name in zip(rewards, NAMES, strict=True)]
    candidates = CandidateTable(pa.concat_tables([t.table for t in tables]))
    margins, groups = planted(prompts=40, per_prompt=1, seed=2)
    found = ask(AUDIT, table(margins, groups), candidates={"samples": candidates})
    growth = found["heldout", "model", "aurc"].detail["growth"]
    assert [row["n"] for row in growth] == [1, 2, 4, 8]
    assert growth[-1]["ci_low"] > growth[0]["ci_high"]
    assert ask(AUDIT, table(margins, groups))["heldout", "model", "aurc"].detail["growth"] == []


def test_what_is_missing() -> None:
    margins, groups = planted(prompts=20, per_prompt=1, seed=2)
    for audit in (Ensemble(), Ensemble(members=("one", "two")), Ensemble(members=("one", "two", "four"))):
        assert {r.reason for r in ask(audit, table(margins, groups)).values()} == {"not_provided"}
    never_wrong = ask(AUDIT, table(np.abs(margins)))
    assert never_wrong["heldout", "model", "error_auroc"].estimate is None
    assert never_wrong["heldout", "model", "aurc"].estimate == 0
    margins[1, 3] = np.nan
    assert {r.status for r in ask(AUDIT, table(margins)).values()} == {"FAIL"}
