from __future__ import annotations

import numpy as np
from synthetic_run import table

from rmx.report.plots.reliability import reliability_diagram


def view_of(scale: float) -> object:
    """Pairs whose labels follow sigma(margin); the scorer reports the margin times `scale`."""
    rng = np.random.default_rng(0)
    size = np.abs(rng.normal(0, 1.5, 4000))
    sign = np.where(rng.random(4000) < 1 / (1 + np.exp(-size)), 1, -1)
    rewards = {"chosen_reward": scale * sign * size, "rejected_reward": np.zeros(4000)}
    return table("heldout", pairs=4000, **rewards).view("model")


def test_a_calibrated_reward_lies_in_the_band_and_an_inflated_one_does_not() -> None:
    assert "4,000 heldout pairs in 10 equally filled bins" in reliability_diagram(view_of(1.0)).caption
    calibrated = reliability_diagram(view_of(1.0)).caption
    assert "; 0 of them outside" in calibrated or "; 1 of them outside" in calibrated
    assert "over-confident, 0 under-confident" in reliability_diagram(view_of(3.0)).caption
    assert "(0 over-confident" in reliability_diagram(view_of(0.3)).caption
