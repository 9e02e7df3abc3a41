"""Plackett-Luce: every order enumerated, ties, Bradley-Terry as the case of two, and utilities found again."""

from __future__ import annotations

import math
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.loss.laws import draw_rankings, fit, micro_of

from rmx.data.batch import RankedBatch
from rmx.loss import BradleyTerry, bradley_terry
from rmx.loss.plackett_luce import PlackettLuce, plackett_luce

rankings = st.lists(st.floats(-6, 6), min_size=2, max_size=5)


def probability(rewards: list[float], sizes: tuple[int, ...]) -> float:
    terms = plackett_luce(torch.tensor([rewards], dtype=torch.float64), sizes=sizes)
    return math.exp(-float(terms.ranking))


def by_hand(rewards: tuple[float, ...]) -> float:
    """Return the probability of an order, one choice after the other."""
    weights = [math.exp(r) for r in rewards]
    return math.prod(weights[k] / sum(weights[k:]) for k in range(len(weights)))


@given(rankings)
def test_every_order_has_the_probability_of_its_choices_and_they_sum_to_one(rewards: list[float]) -> None:
    total = 0.0
    for order in permutations(rewards):
        p = probability(list(order), (1,) * len(order))
        assert p == pytest.approx(by_hand(order), rel=1e-9)
        total += p
    assert total == pytest.approx(1.0)


@given(rankings, st.data())
def test_ties_sum_over_every_order_that_the_ranks_allow(rewards: list[float], data: st.DataObject) -> None:
    sizes = []
    while sum(sizes) < len(rewards):
        sizes.append(data.draw(st.integers(1, len(rewards) - sum(sizes))))
    rank = np.repeat(np.arange(len(sizes)), sizes)
    allowed = [
        by_hand(tuple(rewards[i] for i in order))
        for order in permutations(range(len(rewards)))
        if all(rank[a] <= rank[b] for a, b in pairwise(order))
    ]
    assert probability(rewards, tuple(sizes)) == pytest.approx(sum(allowed), rel=1e-9)


@given(rankings, st.floats(-300, 300))
def test_a_shift_changes_nothing_but_centring(rewards: list[float], shift: float) -> None:
    before, after = (
        plackett_luce(torch.tensor([rewards]) + c, sizes=(1,) * len(rewards)).ranking for c in (0.0, shift)
    )
    torch.testing.assert_close(after, before, atol=2e-3, rtol=1e-4)


@given(st.floats(-8, 8), st.floats(-8, 8))
def test_two_completions_are_bradley_terry_centring_included(a: float, b: float) -> None:
    mine = plackett_luce(torch.tensor([[a, b]]), sizes=(1, 1), center=0.1)
    bt = bradley_terry(torch.tensor([a]), torch.tensor([b]), center=0.1)
    torch.testing.assert_close(mine.ranking, bt.ranking, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(mine.centering, bt.centering, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 1, 1), (1, 3), (4,)])
def test_its_gradient_is_the_difference_quotient(sizes: tuple[int, ...]) -> None:
    rewards = torch.tensor([[0.4, -1.0, 2.0, 0.1], [3.0, 1.0, -2.0, 0.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: plackett_luce(r, sizes=sizes, center=0.3).total, (rewards,))


def test_rewards_far_apart_stay_finite() -> None:
    rewards = torch.tensor([[-500.0, 0.0, 500.0]], requires_grad=True)
    loss = plackett_luce(rewards, sizes=(1, 1, 1)).total
    loss.sum().backward()
    assert loss.tolist() == [1500.0]
    assert rewards.grad is not None
    assert rewards.grad.tolist() == [[-1.0, -1.0, 2.0]]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_finds_its_own_world(seed: int) -> None:
    drawn = draw_rankings(2000, 5, seed)
    ranked = RankedBatch(torch.from_numpy(drawn), (1,) * 5, torch.ones(len(drawn)).double())
    found = fit(PlackettLuce(), micro_of(drawn[:, 0], drawn[:, 1], rankings=(ranked,)))
    assert np.abs(found.z()).max() < 4


def test_of_its_world_pairs_of_neighbours_alone_are_biased_and_all_pairs_are_not() -> None:
    """Breaking a ranking into all its pairs is consistent, into neighbours is not (Azari Soufiani et al. 2013)."""
    drawn = draw_rankings(2000, 5, 0)
    every = np.concatenate([drawn[:, [i, j]] for i, j in combinations(range(5), 2)])
    slope, error = fit(BradleyTerry(), micro_of(*every.T)).slope()
    # Pairs of one ranking hang together, so the error of pairs as if independent is too small: twice it.
    assert abs(slope - 1) < 8 * error
    neighbours = np.concatenate([drawn[:, [i, i + 1]] for i in range(4)])
    slope, error = fit(BradleyTerry(), micro_of(*neighbours.T)).slope()
    assert slope + 8 * error < 0.9
