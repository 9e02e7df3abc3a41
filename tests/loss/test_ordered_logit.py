"""Ordered logit: thresholds found again in a world that follows it, with ties and without."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from tests.loss.laws import Draw, draw_cumulative, fit, micro_of

from rmx.loss import BradleyTerry
from rmx.loss.cumulative import CumulativeLoss
from rmx.loss.ordered_logit import LOGISTIC

WITH_TIES, WITHOUT = (0.5, 1.2, 2.5), (0.0, 0.8, 2.0)


def world(cuts: tuple[float, ...], seed: int) -> Draw:
    return draw_cumulative(6000, expit, cuts, seed)


@pytest.mark.parametrize("cuts", [WITH_TIES, WITHOUT], ids=["ties", "no ties"])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_finds_its_own_world(cuts: tuple[float, ...], seed: int) -> None:
    drawn = world(cuts, seed)
    shares = np.bincount(drawn.grade, minlength=len(cuts) + 1) / len(drawn.grade)
    found = fit(CumulativeLoss(LOGISTIC, shares), micro_of(*drawn))
    steps = np.diff(cuts, prepend=0.0)
    assert np.abs(found.z(np.log(steps[steps > 0]))).max() < 4
    # Grades say more than sides do.
    decided = drawn.grade > 0
    sides = fit(BradleyTerry(), micro_of(drawn.chosen[decided], drawn.rejected[decided]))
    assert sides.slope()[1] > 1.2 * found.slope()[1]


def test_strength_as_a_target_margin_is_biased_in_that_world() -> None:
    """Bradley-Terry with the grade as margin (Llama 2) stretches rewards: it is no likelihood of the grades."""
    drawn = world(WITHOUT, 0)
    slope, error = fit(BradleyTerry(), micro_of(drawn.chosen, drawn.rejected, margin=drawn.grade)).slope()
    assert slope - 4 * error > 1.3
