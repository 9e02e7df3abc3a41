"""Cumulative models: probabilities against the distribution functions, gradients, symmetries, and the start."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm
from tests.loss.laws import micro_of

from rmx.loss import bradley_terry
from rmx.loss.cumulative import CumulativeLoss, cumulative
from rmx.loss.ordered_logit import LOGISTIC
from rmx.loss.ordered_probit import NORMAL, SCALE

KINDS = {"logit": (LOGISTIC, expit), "probit": (NORMAL, lambda x: norm.cdf(np.asarray(x) / SCALE))}
steps = st.lists(st.floats(0.05, 3), min_size=1, max_size=4)
kinds = st.sampled_from(sorted(KINDS))


def probabilities(kind: str, d: float, cuts: list[float]) -> list[float]:
    """Return what `cumulative` gives a tie (if there is one), each grade of one side, and each of the other."""
    noise = KINDS[kind][0]
    grades = torch.tensor([0] * (cuts[0] > 0) + list(range(1, len(cuts) + 1)))
    found = []
    for sign in (1.0, -1.0):
        rewards = torch.full((len(grades),), sign * d, dtype=torch.float64)
        cut = torch.tensor(cuts, dtype=torch.float64)
        terms = cumulative(rewards, torch.zeros_like(rewards), grade=grades, cuts=cut, noise=noise)
        found.append((-terms.ranking).exp().tolist())
    return found[0] + found[1][int(cuts[0] > 0) :]


@given(kinds, st.floats(-6, 6), steps, st.booleans())
def test_probabilities_are_those_of_the_latent_and_sum_to_one(
    kind: str, d: float, widths: list[float], ties: bool
) -> None:
    cuts = np.cumsum(widths if ties else [0.0, *widths]).tolist()
    found = probabilities(kind, d, cuts)
    cdf = KINDS[kind][1]
    edges = [*cuts, math.inf]
    wanted = [cdf(d + cuts[0]) - cdf(d - cuts[0])] if ties else []
    for side in (d, -d):
        wanted += [cdf(side - low) - cdf(side - high) for low, high in itertools.pairwise(edges)]
    assert found == pytest.approx(wanted, abs=1e-9)
    assert sum(found) == pytest.approx(1.0)


@given(kinds, st.floats(-6, 6), st.floats(-100, 100), steps)
def test_a_shift_changes_nothing(kind: str, d: float, shift: float, widths: list[float]) -> None:
    noise, cuts = KINDS[kind][0], torch.tensor(np.cumsum(widths))
    grade = torch.arange(len(widths) + 1)
    zeros = torch.zeros(len(grade), dtype=torch.float64)
    before, after = (
        cumulative(zeros + d + c, zeros + c, grade=grade, cuts=cuts, noise=noise, flip=0.2).ranking for c in (0, shift)
    )
    torch.testing.assert_close(after, before, atol=1e-8, rtol=1e-8)


@given(kinds, st.floats(-6, 6), steps)
def test_sides_swapped_are_the_label_swapped(kind: str, d: float, widths: list[float]) -> None:
    noise, cuts = KINDS[kind][0], torch.tensor(np.cumsum(widths))
    grade = torch.arange(len(widths) + 1)
    zeros = torch.zeros(len(grade), dtype=torch.float64)
    swapped = cumulative(zeros - d, zeros, grade=grade, cuts=cuts, noise=noise).ranking
    flipped = cumulative(zeros + d, zeros, grade=grade, cuts=cuts, noise=noise, flip=1.0).ranking
    torch.testing.assert_close(swapped, flipped)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_its_gradient_is_the_difference_quotient(kind: str) -> None:
    noise, grade = KINDS[kind][0], torch.tensor([0, 1, 2, 3, 3, 0])
    chosen = torch.tensor([0.3, -5.0, 9.0, 1.0, -7.0, 6.0], dtype=torch.float64, requires_grad=True)
    rejected = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    log_steps = torch.tensor([-0.5, 0.1, 0.4], dtype=torch.float64, requires_grad=True)

    def total(a: torch.Tensor, b: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        cuts = s.exp().cumsum(0)
        return cumulative(a, b, grade=grade, cuts=cuts, noise=noise, flip=0.1, center=0.2).total

    assert torch.autograd.gradcheck(total, (chosen, rejected, log_steps))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rewards_far_apart_stay_finite_in_float32(kind: str) -> None:
    loss = CumulativeLoss(KINDS[kind][0], [0.2, 0.5, 0.3])
    rewards = torch.tensor([0.0, 200.0, -200.0], requires_grad=True)
    sides = ([1, 2, 1, 2, 1, 2], [0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 2, 2])
    terms, _ = loss(rewards, micro_of(*sides))
    terms.total.sum().backward()
    assert torch.isfinite(terms.total).all()
    assert torch.isfinite(rewards.grad).all()
    assert torch.isfinite(loss.log_steps.grad).all()
    # Where a side is certain, the top grade costs nothing, and its opposite the more the further away.
    assert terms.total[4] == 0
    assert terms.total[5] > 100


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("shares", [[0.25, 0.75], [0.1, 0.3, 0.4, 0.2], [0.0, 0.6, 0.4]])
def test_it_starts_where_equal_rewards_have_the_shares_of_the_grades(kind: str, shares: list[float]) -> None:
    loss = CumulativeLoss(KINDS[kind][0], shares)
    found = probabilities(kind, 0.0, loss.cuts.tolist())
    ties = int(shares[0] > 0)
    both = [2 * p for p in found[ties : len(shares) - 1 + ties]]
    assert [*found[:ties], *both] == pytest.approx(shares[1 - ties :], abs=1e-6)


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(0, 0.4))
def test_the_logit_of_one_grade_is_bradley_terry(a: float, b: float, flip: float) -> None:
    chosen, rejected = torch.tensor([a]), torch.tensor([b])
    mine = cumulative(
        chosen, rejected, grade=torch.tensor([1]), cuts=torch.zeros(1), noise=LOGISTIC, flip=flip, center=0.1
    )
    bt = bradley_terry(chosen, rejected, flip=flip, center=0.1)
    torch.testing.assert_close(mine.total, bt.total, atol=1e-6, rtol=1e-5)
