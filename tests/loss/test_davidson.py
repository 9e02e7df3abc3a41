"""Davidson: its formula, its symmetries, its gradient, and nu found again in a world that follows it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.loss.laws import draw_graded, fit, micro_of

from rmx.loss import BradleyTerry, bradley_terry
from rmx.loss.davidson import Davidson, davidson

rewards = st.floats(-8, 8)


def term(a: float, b: float, nu: float, *, tied: bool, flip: float = 0.0) -> float:
    chosen, rejected, log_nu = (torch.tensor([x], dtype=torch.float64) for x in (a, b, math.log(nu)))
    return float(davidson(chosen, rejected, tied=torch.tensor([tied]), log_nu=log_nu, flip=flip).ranking)


@given(rewards, rewards, st.floats(0.01, 20), st.floats(0, 0.5))
def test_every_term_equals_the_formula_written_out(a: float, b: float, nu: float, flip: float) -> None:
    first, second = math.exp(a), math.exp(b)
    draw = nu * math.sqrt(first * second)
    total = first + second + draw
    assert term(a, b, nu, tied=True) == pytest.approx(-math.log(draw / total), abs=1e-9)
    won = -(1 - flip) * math.log(first / total) - flip * math.log(second / total)
    assert term(a, b, nu, tied=False, flip=flip) == pytest.approx(won, abs=1e-9)


@given(rewards, rewards, st.floats(-50, 50), st.floats(0.01, 20))
def test_a_shift_changes_nothing_and_a_tie_has_no_order(a: float, b: float, shift: float, nu: float) -> None:
    for tied in (True, False):
        assert term(a + shift, b + shift, nu, tied=tied) == pytest.approx(term(a, b, nu, tied=tied), abs=1e-9)
    assert term(a, b, nu, tied=True) == pytest.approx(term(b, a, nu, tied=True), abs=1e-12)


@given(rewards, rewards)
def test_without_ties_and_nu_at_zero_it_is_bradley_terry(a: float, b: float) -> None:
    bt = bradley_terry(torch.tensor([a]), torch.tensor([b]), center=0.1)
    mine = davidson(
        torch.tensor([a]), torch.tensor([b]), tied=torch.tensor([False]), log_nu=torch.tensor([-60.0]), center=0.1
    )
    torch.testing.assert_close(mine.total, bt.total, atol=1e-6, rtol=1e-5)


def test_its_gradient_is_the_difference_quotient() -> None:
    tied = torch.tensor([True, False, False])
    inputs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in ([0.3, 2.0, -40.0], [1.0, -1.0, 3.0])]
    log_nu = torch.tensor([-0.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a, b, n: davidson(a, b, tied=tied, log_nu=n, flip=0.1, center=0.2).total, (*inputs, log_nu)
    )


def test_rewards_far_apart_stay_finite() -> None:
    chosen = torch.tensor([-500.0, 500.0, 0.0], requires_grad=True)
    rejected, tied = torch.tensor([500.0, -500.0, 900.0]), torch.tensor([False, True, True])
    loss = davidson(chosen, rejected, tied=tied, log_nu=torch.zeros(1)).total
    loss.sum().backward()
    assert loss.tolist() == [1000.0, 500.0, 450.0]
    assert chosen.grad is not None
    assert chosen.grad.tolist() == [-1.0, 0.5, -0.5]


def test_it_starts_where_equal_rewards_have_the_share_of_ties() -> None:
    loss = Davidson(0.3)
    terms, _ = loss(torch.zeros(2), micro_of([0], [1], [0]))
    assert terms.ranking.item() == pytest.approx(-math.log(0.3), abs=1e-6)


NU = 0.9


def world(seed: int):
    def law(d: np.ndarray) -> np.ndarray:
        parts = np.stack([np.full_like(d, NU), np.exp(d / 2), np.exp(-d / 2)])
        return parts / parts.sum(0)

    return draw_graded(6000, law, 1, seed)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_finds_its_own_world_and_bradley_terry_does_too_but_less_surely(seed: int) -> None:
    drawn = world(seed)
    found = fit(Davidson(0.2), micro_of(*drawn))
    z = found.z([math.log(NU)])
    assert np.abs(z).max() < 4
    decided = drawn.grade > 0
    without = fit(BradleyTerry(), micro_of(drawn.chosen[decided], drawn.rejected[decided]))
    assert np.abs(without.z()).max() < 4
    # Ties say that two rewards are alike: what ignores them knows less.
    assert without.slope()[1] > 1.05 * found.slope()[1]
