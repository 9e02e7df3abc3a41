"""Errors of annotators against brute force over every likelihood, leave-one-pair-out refits and known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array

from rmx.audits.statistics import Clusters
from rmx.audits.statistics.dawid_skene import AnnotatorFit, fit_annotators

Votes = list[dict[int, int]]


def fitted(pairs: Votes, people: int, known: list[float] | None = None) -> AnnotatorFit:
    """Fit votes given as {annotator: ±1} per pair."""
    dense = np.zeros((len(pairs), people))
    for row, votes in enumerate(pairs):
        for who, vote in votes.items():
            dense[row, who] = vote
    truth = np.zeros(len(pairs)) if known is None else np.array(known)
    return fit_annotators(csr_array(dense), csr_array(np.abs(dense)), truth)


def log_likelihood(errors: np.ndarray, pairs: Votes, known: list[float]) -> float:
    """Straight from the model: sum over which side is right."""
    total = 0.0
    for votes, side in zip(pairs, known, strict=True):
        chance = 0.0
        for right in (1, -1):
            if side in (0, right):
                weight = 0.5 if side == 0 else 1.0
                chance += weight * math.prod(1 - errors[k] if vote == right else errors[k] for k, vote in votes.items())
        total += math.log(chance)
    return total


def drawn(errors: list[float], count: int, seed: int, asked: int | None = None) -> tuple[Votes, list[int]]:
    rng = np.random.default_rng(seed)
    sides = rng.choice([1, -1], count)
    pairs: Votes = []
    for side in sides:
        who = rng.choice(len(errors), asked or len(errors), replace=False)
        pairs.append({int(k): int(side if rng.random() >= errors[k] else -side) for k in who})
    return pairs, sides.tolist()


@pytest.mark.parametrize("golden", [0, 8])
def test_the_fit_is_the_most_likely_one(golden: int) -> None:
    """Every start of another optimiser on the likelihood itself ends no higher, and the best of them here."""
    pairs, sides = drawn([0.1, 0.3, 0.2, 0.4], 40, seed=golden)
    known = [float(side) if i < golden else 0.0 for i, side in enumerate(sides)]
    fit = fitted(pairs, 4, known)
    rng = np.random.default_rng(0)
    found = [
        minimize(
            lambda x: -log_likelihood(x, pairs, known),
            rng.uniform(0.1, 0.6, 4),
            bounds=[(1e-6, 1 - 1e-6)] * 4,
            tol=1e-12,
        )
        for _ in range(12)
    ]
    # Without known sides all errors turned round are as likely: the majority decides which is meant.
    best = min((f for f in found if golden or f.x.mean() < 0.5), key=lambda f: f.fun)
    assert fit.errors == pytest.approx(best.x, abs=2e-4)
    assert log_likelihood(fit.errors, pairs, known) >= -best.fun - 1e-6


def test_which_side_is_called_first_does_not_matter() -> None:
    pairs, _ = drawn([0.1, 0.3, 0.2, 0.4], 60, seed=1)
    turned = [{k: -v for k, v in votes.items()} if i % 3 else votes for i, votes in enumerate(pairs)]
    assert fitted(turned, 4).errors == pytest.approx(fitted(pairs, 4).errors, abs=1e-8)


def test_known_sides_leave_plain_shares() -> None:
    pairs, sides = drawn([0.05, 0.3], 200, seed=2)
    fit = fitted(pairs, 2, [float(s) for s in sides])
    wrong = [np.mean([votes[k] != side for votes, side in zip(pairs, sides, strict=True)]) for k in (0, 1)]
    assert fit.errors == pytest.approx(wrong)
    clusters = Clusters(np.arange(200))
    for k, share in enumerate(wrong):
        error = clusters.standard_error(fit.influence(np.eye(2)[k]))
        assert error == pytest.approx(math.sqrt(share * (1 - share) / 199))


def test_the_influence_is_the_jackknifes() -> None:
    pairs, _ = drawn([0.1, 0.25, 0.2, 0.45, 0.8], 150, seed=3, asked=3)
    fit = fitted(pairs, 5)
    direction = np.array([1.0, 0.0, -0.5, 0.3, 1.0])
    influence = fit.influence(direction)
    assert influence.sum() == pytest.approx(0, abs=1e-7)
    left = [fitted(pairs[:i] + pairs[i + 1 :], 5).errors @ direction for i in range(150)]
    jackknife = math.sqrt(149 / 150 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert Clusters(np.arange(150)).standard_error(influence) == pytest.approx(jackknife, rel=0.15)


def test_the_information_is_the_curvature_of_the_likelihood() -> None:
    pairs, _ = drawn([0.1, 0.25, 0.2, 0.45], 80, seed=4, asked=3)
    fit, step = fitted(pairs, 4), 1e-4
    log_odds = np.log((1 - fit.errors) / fit.errors)

    def at(shift: np.ndarray) -> float:
        return log_likelihood(1 / (1 + np.exp(log_odds + shift)), pairs, [0.0] * 80)

    for i in range(4):
        for j in range(4):
            a, b = step * np.eye(4)[i], step * np.eye(4)[j]
            curvature = (at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / (4 * step**2)
            assert fit.information[i, j] == pytest.approx(-curvature, abs=2e-3)


def test_somebody_who_votes_the_other_way_round_is_believed_backwards() -> None:
    pairs, sides = drawn([0.1, 0.1, 0.9, 0.1, 0.9, 0.15, 0.1], 500, seed=5)
    fit = fitted(pairs, 7)
    assert fit.errors == pytest.approx([0.1, 0.1, 0.9, 0.1, 0.9, 0.15, 0.1], abs=0.05)
    assert (np.sign(fit.truth) == sides).mean() > 0.98


def test_two_annotators_do_not_tell_who_errs() -> None:
    pairs, sides = drawn([0.1, 0.3], 300, seed=6)
    assert not fitted(pairs, 2).identified
    assert fitted(pairs, 2, [float(s) for s in sides]).identified
    assert fitted(drawn([0.1, 0.3, 0.2], 300, seed=6)[0], 3).identified
    # Two more who never vote on a pair of the others are no better off than alone.
    apart = [{k + 3: v for k, v in votes.items()} for votes in drawn([0.2, 0.3], 300, seed=8)[0]]
    assert not fitted(drawn([0.1, 0.3, 0.2], 300, seed=7)[0] + apart, 5).identified
