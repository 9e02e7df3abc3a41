"""Rao-Kupper: its formula, its symmetries, its gradient, and theta found again in a world that follows it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.loss.laws import draw_graded, fit, micro_of

from rmx.loss import BradleyTerry, bradley_terry
from rmx.loss.cumulative import cumulative
from rmx.loss.ordered_logit import LOGISTIC
from rmx.loss.rao_kupper import RaoKupper

rewards = st.floats(-8, 8)


def term(a: float, b: float, theta: float, *, tied: bool, flip: float = 0.0) -> float:
    chosen, rejected, cut = (torch.tensor([x], dtype=torch.float64) for x in (a, b, math.log(theta)))
    grade = torch.tensor([0 if tied else 1])
    return float(cumulative(chosen, rejected, grade=grade, cuts=cut, noise=LOGISTIC, flip=flip).ranking)


@given(rewards, rewards, st.floats(1.01, 20), st.floats(0, 0.5))
def test_every_term_equals_the_formula_written_out(a: float, b: float, theta: float, flip: float) -> None:
    i, j = math.exp(a), math.exp(b)
    draw = (theta**2 - 1) * i * j / ((i + theta * j) * (j + theta * i))
    assert term(a, b, theta, tied=True) == pytest.approx(-math.log(draw), abs=1e-8)
    won = -(1 - flip) * math.log(i / (i + theta * j)) - flip * math.log(j / (j + theta * i))
    assert term(a, b, theta, tied=False, flip=flip) == pytest.approx(won, abs=1e-8)
    assert i / (i + theta * j) + j / (j + theta * i) + draw == pytest.approx(1.0)


@given(rewards, rewards, st.floats(-50, 50), st.floats(1.01, 20))
def test_a_shift_changes_nothing_and_a_tie_has_no_order(a: float, b: float, shift: float, theta: float) -> None:
    for tied in (True, False):
        assert term(a + shift, b + shift, theta, tied=tied) == pytest.approx(term(a, b, theta, tied=tied), abs=1e-9)
    assert term(a, b, theta, tied=True) == pytest.approx(term(b, a, theta, tied=True), abs=1e-9)


@given(rewards, rewards)
def test_without_ties_and_theta_at_one_it_is_bradley_terry(a: float, b: float) -> None:
    loss = RaoKupper(0.1, center=0.1)
    with torch.no_grad():
        loss.log_steps.fill_(-60.0)
    mine, _ = loss(torch.tensor([a, b]), micro_of([0], [1]))
    bt = bradley_terry(torch.tensor([a]), torch.tensor([b]), center=0.1)
    torch.testing.assert_close(mine.total, bt.total.double(), atol=1e-6, rtol=1e-5)


@given(st.floats(1.01, 20))
def test_decided_pairs_are_decided_with_a_temperature_of_one_over_one_plus_the_share_of_ties(theta: float) -> None:
    """At equal rewards; docs/losses.md tells readers of the temperature audit."""

    def log_odds(d: float) -> float:
        return term(0.0, d, theta, tied=False) - term(d, 0.0, theta, tied=False)

    share = math.exp(-term(0.0, 0.0, theta, tied=True))
    assert (log_odds(1e-4) - log_odds(-1e-4)) / 2e-4 == pytest.approx(1 + share, rel=1e-5)


THETA = 2.0


def world(seed: int):
    def law(d: np.ndarray) -> np.ndarray:
        won, lost = 1 / (1 + THETA * np.exp(-d)), 1 / (1 + THETA * np.exp(d))
        return np.stack([1 - won - lost, won, lost])

    return draw_graded(6000, law, 1, seed)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_finds_its_own_world_and_bradley_terry_on_decided_pairs_exaggerates(seed: int) -> None:
    drawn = world(seed)
    loss = RaoKupper(0.2)
    found = fit(loss, micro_of(*drawn))
    assert np.abs(found.z([math.log(math.log(THETA))])).max() < 4
    decided = drawn.grade > 0
    slope, error = fit(BradleyTerry(), micro_of(drawn.chosen[decided], drawn.rejected[decided])).slope()
    assert slope - 4 * error > 1.05
