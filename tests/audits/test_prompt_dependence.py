"""A18: what the own prompt decides, against counts by hand and scorers that are blind to it by construction."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pair_edits import with_edits
from slices import ask, scores

from rmx.audits.prompt_dependence import PromptDependence
from rmx.domain import AuditResult
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable

AUDIT = PromptDependence(tolerance={"shortfall": (None, 0.0)})


def results(before, after, *, audit: PromptDependence = AUDIT, **kwargs) -> dict[str, AuditResult]:
    table, candidates = with_edits(before, after, probe="prompt_swap", equal_is_unchanged=False, **kwargs)
    return {metric: r for (_, _, metric), r in ask(audit, table, candidates=candidates).items()}


def _world(weight: float, *, n: int, seed: int, alone: float = 0.0, groups: int = 1):
    """A reward of `weight` × what fits the prompt + `alone` × what is seen in the completion itself + noise.

    Labels follow both parts. The foreign prompt draws the fit anew.
    """
    rng = np.random.default_rng([seed, n])
    fit, own, other = rng.normal(0, 1, (3, n, 2))
    noise = rng.normal(0, 0.2, (n, 2))
    quality = fit + alone * own
    turn = quality[:, 0] < quality[:, 1]
    arrays = [weight * fit + own + noise, weight * other + own + noise]
    for array in arrays:
        array[turn] = array[turn][:, ::-1]
    return arrays[0], {"swapped": arrays[1]}, np.arange(n) // groups


def test_by_hand() -> None:
    before = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [2.0, 1.0]]
    swapped = [[0.0, 2.0], [3.0, 0.0], [1.5, 1.5], [None, 0.5]]
    removed = [[2.0, 2.5], [0.0, 0.5], [0.5, 0.0], [5.0, 0.5]]
    found = results(before, {"swapped": swapped, "removed": removed})
    assert found["accuracy_swapped"].estimate == pytest.approx((0 + 1 + 0.5) / 3)
    assert found["dependence"].estimate == pytest.approx((1 + 0 - 0.5) / 3)
    assert found["shortfall"].estimate == 0
    detail = found["dependence"].detail
    assert detail["accuracy"] == pytest.approx(2 / 3)
    assert detail["prompt_removed"]["n_pairs"] == 4
    assert detail["prompt_removed"]["dependence"] == pytest.approx((1 + 1 - 1 + 0) / 4)
    assert detail["margin_correlation"] == pytest.approx(np.corrcoef([1, 1, -1], [-2, 3, 0])[0, 1])
    assert found["dependence"].n_pairs == 3


def test_a_blind_scorer_is_found_and_one_that_reads_is_not() -> None:
    blind = results(*_world(0.0, n=200, seed=0, alone=1.0)[:2])
    assert blind["shortfall"].alarm
    assert blind["shortfall"].status == "FAIL"
    assert not blind["dependence"].alarm
    assert blind["dependence"].estimate == 0
    assert blind["accuracy_swapped"].alarm  # half of what decides shows in the completions
    assert blind["dependence"].detail["margin_correlation"] == pytest.approx(1.0)
    reads = results(*_world(2.0, n=200, seed=0)[:2])
    assert (reads["shortfall"].status, reads["shortfall"].alarm) == ("PASS", False)
    assert reads["dependence"].alarm
    assert not reads["accuracy_swapped"].alarm


def test_a_blind_scorer_at_chance_is_blind_too() -> None:
    assert results(*_world(0.0, n=200, seed=2, alone=0.0)[:2])["shortfall"].alarm


def test_false_alarms_of_a_scorer_that_reads_are_rare_even_where_completions_betray_much() -> None:
    for alone in (0.0, 1.0):
        alarms = sum(results(*_world(1.0, n=200, seed=seed, alone=alone)[:2])["shortfall"].alarm for seed in range(60))
        assert alarms == 0


def test_blindness_is_always_found_at_200_pairs_and_never_passed_at_20() -> None:
    assert all(results(*_world(0.0, n=200, seed=s, alone=1.0)[:2])["shortfall"].alarm for s in range(40))
    few = [results(*_world(0.0, n=20, seed=s, alone=1.0)[:2])["shortfall"] for s in range(40)]
    assert not any(r.alarm or r.status == "PASS" for r in few)


def test_dependence_is_found_with_the_power_of_the_specification() -> None:
    """Some 7 points at 200 pairs, one-sided at .05; here two-sided, so three quarters of the seeds are asked for."""
    found = [results(*_world(0.45, n=400, seed=s, alone=1.0)[:2])["dependence"] for s in range(60)]
    assert 0.05 < np.mean([r.estimate for r in found]) < 0.2
    assert np.mean([r.alarm for r in found]) > 0.75


def test_dependence_covers_its_truth_with_groups() -> None:
    truth = results(*_world(0.7, n=20000, seed=99, alone=1.0)[:2])["dependence"].estimate
    covered = 0
    for seed in range(100):
        before, after, groups = _world(0.7, n=120, seed=seed, alone=1.0, groups=3)
        found = results(before, after, groups=groups)
        low, high = found["dependence"].ci_low, found["dependence"].ci_high
        covered += low <= truth <= high
        assert found["shortfall"].ci_low == max(0.0, 0.05 - high)
        assert found["shortfall"].ci_high == max(0.0, 0.05 - low)
    assert covered >= 88  # 95% expected; fewer than 88 of 100 has a chance under .01


def test_both_completions_must_have_met_the_same_foreign_prompt() -> None:
    """A completion of two pairs meets two foreign prompts; the pairs must not be mixed."""
    table = scores([1.0, 1.0], rejected=[0.0, 0.0], chosen_id=["a", "a"], rejected_id=["b", "c"], groups=["one", "one"])
    texts = [("a", "", 1.0), ("b", "", 0.0), ("c", "", 0.0)]
    edits = [("a", "p", 5.0), ("b", "p", 9.0), ("a", "q", -5.0), ("c", "q", -9.0)]
    rows = [{"candidate_id": name, "prompt_id": "own", "reward": r} for name, _, r in texts]
    rows += [
        {"candidate_id": f"{n}/{p}", "prompt_id": p, "reward": r, "source_id": n}
        | {"probe": "prompt_swap", "variant": "swapped"}
        for n, p, r in edits
    ]
    common = {"slice": "heldout", "group": "gone", "scorer": "model"}
    candidates = CandidateTable(pa.Table.from_pylist([r | common for r in rows], schema=CANDIDATE_COLUMNS))
    found = ask(AUDIT, table, candidates={"heldout": candidates})
    # Pair a-b loses under p, pair a-c wins under q.
    assert found["heldout", "model", "accuracy_swapped"].estimate == 0.5


def test_the_least_is_a_parameter() -> None:
    world = _world(0.7, n=400, seed=1, alone=1.0)[:2]
    assert not results(*world)["shortfall"].alarm
    assert results(*world, audit=PromptDependence(least=0.4))["shortfall"].alarm


def test_what_is_missing_is_said() -> None:
    found = results([[1.0, 0.0]] * 20, {"removed": [[2.0, 0.0]] * 20})
    assert all((r.status, r.reason) == ("INCONCLUSIVE", "not_provided") for r in found.values())
    assert ask(AUDIT, scores([1.0, 2.0]))["heldout", "model", "dependence"].reason == "not_provided"
    bad = results([[1.0, 0.0]] * 20, {"swapped": [[2.0, float("nan")]] * 20})
    assert all(r.status == "FAIL" for r in bad.values())
