"""A10: flips, drops and shifts against counts by hand, planted fragility and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_edits import with_edits
from slices import ask, one, scores

from rmx.audits.perturbation import Perturbation
from rmx.domain import AuditResult
from rmx.probes import PROBES

AUDIT = Perturbation(draws=200, tolerance={"accuracy_drop": (None, 0.03)})


def results(before, after, *, audit: Perturbation = AUDIT, **kwargs) -> dict[str, AuditResult]:
    table, candidates = with_edits(before, after, probe="perturbation", **kwargs)
    return {metric: r for (_, _, metric), r in ask(audit, table, candidates=candidates).items()}


def test_by_hand() -> None:
    before = [[2.0, 1.0], [1.0, 2.0], [3.0, 0.0], [0.0, 1.0]]  # wins 1, 0, 1, 0
    typos = [[0.5, 1.5], [1.0, 2.5], [1.0, 1.0], [0.0, 1.0]]  # wins 0, 0, 1/2; the last pair is not changed
    context = [[2.5, 1.0], [3.0, 2.5], [3.0, None], [None, None]]  # wins 1, 1; the others lack a side
    found = results(before, {"typos": typos, "context": context})
    # Flips: 1, 0, 1/2 | 0, 1. Drops: 1, 0, 1/2 | 0, -1.
    assert found["flip_rate"].estimate == pytest.approx(2.5 / 5)
    assert found["accuracy_drop"].estimate == pytest.approx(0.5 / 5)
    variants = found["flip_rate"].detail["variants"]
    assert {n: (v["n_pairs"], v["estimate"]) for n, v in variants.items()} == {"typos": (3, 0.5), "context": (2, 0.5)}
    assert found["accuracy_drop"].detail["variants"]["context"]["estimate"] == pytest.approx(-0.5)
    # |shift| of the changed texts: 1.5 .5 (1.0 unchanged) .5 2 1 | .5 2 .5 (1.0 unchanged), sd of margins 1 -1 3 -1.
    spread = np.std([1.0, -1.0, 3.0, -1.0])
    assert found["shift_p95_sd"].estimate == pytest.approx(2.0 / spread)
    assert (found["flip_rate"].n_pairs, found["flip_rate"].n_groups) == (3, 3)


cells = st.floats(-3, 3).map(lambda x: round(x))


@settings(max_examples=40)
@given(st.lists(st.tuples(cells, cells, cells, cells), min_size=2, max_size=8))
def test_counts_against_enumeration(rows: list[tuple[float, float, float, float]]) -> None:
    before, after = [row[:2] for row in rows], [row[2:] for row in rows]
    if len({a - b for a, b in before}) == 1 or before == after:
        return
    flips, drops, shifts = [], [], []
    for (a, b), (x, y) in zip(before, after, strict=True):
        if (a, b) != (x, y):
            win, then = (1.0 if p > q else 0.5 if p == q else 0.0 for p, q in ((a, b), (x, y)))
            flips.append(abs(win - then))
            drops.append(win - then)
            shifts += [abs(x - a)] * (x != a) + [abs(y - b)] * (y != b)
    found = results(before, {"spacing": after})
    assert found["flip_rate"].estimate == pytest.approx(np.mean(flips))
    assert found["accuracy_drop"].estimate == pytest.approx(np.mean(drops))
    p95 = sorted(shifts)[int(np.ceil(0.95 * len(shifts))) - 1]
    assert found["shift_p95_sd"].estimate == pytest.approx(p95 / np.std([a - b for a, b in before]))


def _world(noise: float, *, n: int, seed: int, drop: float = 0.0, groups: int = 1):
    """Rewards of right-ordered pairs mostly; edits add noise, and turn a share of the margins."""
    rng = np.random.default_rng([seed, n])
    before = rng.normal([1.0, 0.0], 1, (n, 2))
    after = {}
    for variant in ("typos", "spacing"):
        edit = before + rng.normal(0, noise, (n, 2))
        turn = rng.random(n) < drop
        edit[turn] = edit[turn][:, ::-1]
        after[variant] = edit
    return before, after, np.arange(n) // groups


def test_a_robust_reward_passes_and_a_fragile_one_fails() -> None:
    before, after, groups = _world(0.02, n=400, seed=0)
    robust = results(before, after, groups=groups)["accuracy_drop"]
    assert (robust.status, robust.alarm) == ("PASS", False)
    before, after, groups = _world(0.02, n=400, seed=0, drop=0.2)
    fragile = results(before, after, groups=groups)
    assert (fragile["accuracy_drop"].status, fragile["accuracy_drop"].alarm) == ("FAIL", True)
    assert fragile["flip_rate"].ci_low > 0.1


def test_one_fragile_variant_shows_in_the_detail() -> None:
    before, after, _ = _world(0.01, n=300, seed=1)
    after["context"] = np.asarray(before)[:, ::-1]
    variants = results(before, after)["flip_rate"].detail["variants"]
    assert variants["context"]["ci_low"] > 0.95
    assert max(variants[v]["ci_high"] for v in ("typos", "spacing")) < 0.1


def test_reordering_that_is_pure_noise_is_flips_and_no_drop() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(0, 1, (400, 2))  # chance level: turning it costs nothing
    found = results(before, {"typos": before + rng.normal(0, 1, (400, 2))})
    assert found["flip_rate"].ci_low > 0.15
    assert not found["accuracy_drop"].alarm


def test_drop_and_shift_cover_their_truth_with_groups() -> None:
    truth = results(*_world(0.5, n=20000, seed=9, drop=0.05)[:2], audit=Perturbation(draws=2))
    covered = {"accuracy_drop": 0, "shift_p95_sd": 0, "flip_rate": 0}
    for seed in range(80):
        before, after, groups = _world(0.5, n=100, seed=seed, drop=0.05, groups=2)
        for metric, r in results(before, after, groups=groups).items():
            covered[metric] += r.ci_low <= truth[metric].estimate <= r.ci_high
    assert min(covered.values()) >= 70, covered  # 95% expected; below 70 of 80 has a chance under .01


def test_scale_and_shift_of_the_reward_change_nothing() -> None:
    before, after, _ = _world(0.5, n=60, seed=3)
    first = results(before, after)
    second = results(7 + 3 * before, {v: 7 + 3 * edit for v, edit in after.items()})
    for metric, result in first.items():
        assert (result.estimate, result.ci_low, result.ci_high) == pytest.approx(
            (second[metric].estimate, second[metric].ci_low, second[metric].ci_high)
        )


def test_few_edited_pairs_never_pass_however_many_were_not_edited() -> None:
    before, after, _ = _world(0.0001, n=6, seed=0)
    found = results(before, after, margins=np.random.default_rng(0).normal(size=500))
    assert found["accuracy_drop"].status == "INCONCLUSIVE"
    assert found["accuracy_drop"].n_groups == 6


def test_what_is_missing_is_said() -> None:
    audit = Perturbation()
    table, candidates = with_edits([[1.0, 0.0]] * 20, {"typos": [[1.0, 0.0]] * 20}, probe="perturbation")
    assert ask(audit, table)["heldout", "model", "flip_rate"].reason == "not_provided"
    for result in ask(audit, table, candidates=candidates).values():
        assert (result.status, result.reason) == ("INCONCLUSIVE", "not_provided")
        assert "no pair" in result.detail["missing"]
    table, candidates = with_edits([[1.0, 0.0]] * 20, {"typos": [[2.0, 0.0]] * 20}, probe="perturbation")
    nameless = scores(table.view().margins)
    assert ask(audit, nameless, candidates=candidates)["heldout", "model", "flip_rate"].reason == "not_provided"
    unit = ask(audit, table, candidates=candidates)["heldout", "model", "shift_p95_sd"]
    assert (unit.status, unit.estimate) == ("INCONCLUSIVE", None)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_fails(bad: float) -> None:
    before, after, _ = _world(0.5, n=20, seed=0)
    after["typos"][3, 1] = bad
    for result in results(before, after).values():
        assert (result.status, result.estimate) == ("FAIL", None)
        assert "not finite" in result.reason


def test_every_variant_of_the_probe_has_both_sides() -> None:
    assert PROBES[Perturbation.probe].sides == ("chosen", "rejected")
    assert one(AUDIT, scores([1.0, 2.0]), metric="flip_rate").reason == "not_provided"
