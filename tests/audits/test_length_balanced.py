"""A5b: length-balanced accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slices import one, scores, wins_to_margins

from rmx.audits.length_balanced import LengthBalanced
from rmx.audits.statistics import Clusters, bootstrap

LENGTHS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=30).filter(
    lambda pairs: any(a > b for a, b in pairs) and any(a < b for a, b in pairs)
)


@given(LENGTHS, st.sampled_from([1, -1]))
def test_a_rule_that_sees_length_alone_scores_exactly_one_half(pairs: list[tuple[int, int]], sign: int) -> None:
    chosen, rejected = np.array(pairs).T
    margins = sign * (chosen - rejected)
    result = one(LengthBalanced(), scores(margins, chosen_tokens=chosen, rejected_tokens=rejected))
    assert result.estimate == pytest.approx(0.5)


def test_by_hand() -> None:
    wins = [1, 1, 1, 0, 1, 0, 1]
    chosen, rejected = [9, 9, 9, 9, 2, 2, 5], [5, 5, 5, 5, 5, 5, 5]
    result = one(LengthBalanced(), scores(wins_to_margins(wins), chosen_tokens=chosen, rejected_tokens=rejected))
    assert result.estimate == pytest.approx(6 / 7 * (0.75 + 0.5) / 2 + 1 / 7)
    assert result.detail["shorter"] == {"n_pairs": 2, "accuracy": 0.5}
    assert result.n_pairs == 7


def test_standard_error_agrees_with_the_cluster_bootstrap() -> None:
    rng = np.random.default_rng(0)
    n = 600
    groups = rng.integers(0, 120, n)
    side = rng.choice([1, -1, 0], n, p=[0.6, 0.3, 0.1])
    wins = (rng.random(n) < 0.6 + 0.2 * side + 0.15 * rng.normal(size=120)[groups]).astype(float)
    chosen, rejected = np.where(side > 0, 8, 4), np.where(side < 0, 8, 4)
    result = one(
        LengthBalanced(), scores(wins_to_margins(wins), groups=groups, chosen_tokens=chosen, rejected_tokens=rejected)
    )

    def again(weights: np.ndarray) -> np.ndarray:
        longer, shorter, even = (np.average(wins, weights=weights * (side == s)) for s in (1, -1, 0))
        share = weights[side == 0].sum() / weights.sum()
        return np.array([share * even + (1 - share) * (longer + shorter) / 2])

    draws = bootstrap(again, Clusters(groups), draws=1000, seed=0)
    assert result.mde / 2.8 == pytest.approx(draws.std(), rel=0.1)


@pytest.mark.parametrize(
    "columns", [{}, {"chosen_tokens": [5, None, 5], "rejected_tokens": [4, 4, 6]}, {"chosen_tokens": [0] * 3}]
)
def test_without_lengths_not_provided(columns: dict) -> None:
    assert one(LengthBalanced(), scores([1.0, 1.0, 1.0], **columns)).reason == "not_provided"


def test_only_longer_chosen_cannot_be_balanced() -> None:
    result = one(LengthBalanced(), scores([1.0, 1.0], chosen_tokens=[5, 5], rejected_tokens=[4, 4]))
    assert result.status == "INCONCLUSIVE"
    assert "shorter" in result.reason
