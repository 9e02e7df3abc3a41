"""Bradley-Terry: golden numbers, invariances, and a brute-force oracle."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rmx.loss import bradley_terry

finite = st.floats(-20, 20, allow_nan=False)


def mean_loss(chosen: list[float], rejected: list[float], **options: float) -> float:
    return bradley_terry(torch.tensor(chosen), torch.tensor(rejected), **options).total.mean().item()


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        ([2.1, 0.8, 1.9], [0.4, 1.0, 1.2], 0.4564),
        ([1.2, 0.7], [0.2, 0.4], 0.4338),
        ([11.2, 10.7], [10.2, 10.4], 0.4338),
        ([3.6, 2.1], [0.6, 1.2], 0.1949),
        ([-2.0], [0.0], 2.1269),
        ([0.0], [0.0], 0.6931),
        ([2.0], [0.0], 0.1269),
    ],
)
def test_golden_numbers(chosen: list[float], rejected: list[float], expected: float) -> None:
    assert mean_loss(chosen, rejected) == pytest.approx(expected, abs=5e-5)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=8), st.floats(0, 1), st.floats(-3, 3), st.floats(0, 1))
def test_every_term_equals_the_formula_written_out(
    pairs: list[tuple[float, float]], flip: float, margin: float, center: float
) -> None:
    chosen, rejected = (torch.tensor(side, dtype=torch.float32) for side in zip(*pairs, strict=True))
    loss = bradley_terry(chosen, rejected, margin=margin, flip=flip, center=center)
    for i, (a, b) in enumerate(zip(chosen.tolist(), rejected.tolist(), strict=True)):
        log_right, log_wrong = (-math.log1p(math.exp(-x)) for x in (a - b - margin, margin - a + b))
        assert loss.ranking[i].item() == pytest.approx(-(1 - flip) * log_right - flip * log_wrong, rel=1e-4, abs=1e-5)
        assert loss.centering[i].item() == pytest.approx(center * (a + b) ** 2, rel=1e-5, abs=1e-6)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=8), st.integers(-100, 100))
def test_a_shift_changes_only_the_centring_term(pairs: list[tuple[float, float]], shift: int) -> None:
    chosen, rejected = (torch.tensor(side, dtype=torch.float32) for side in zip(*pairs, strict=True))
    before, after = (bradley_terry(chosen + c, rejected + c) for c in (0, shift))
    torch.testing.assert_close(after.ranking, before.ranking, atol=2e-4, rtol=1e-4)


def test_large_margins_stay_finite_with_a_finite_gradient() -> None:
    chosen = torch.tensor([-500.0, 500.0], requires_grad=True)
    loss = bradley_terry(chosen, torch.tensor([500.0, -500.0])).total
    loss.sum().backward()
    assert loss.tolist() == [1000.0, 0.0]
    assert chosen.grad is not None
    assert chosen.grad.tolist() == [-1.0, 0.0]


@pytest.mark.parametrize(
    ("chosen", "margin"), [(torch.zeros(3, 1), 0.0), (torch.zeros(2), 0.0), (torch.zeros(3), torch.zeros(3, 1))]
)
def test_shapes_that_would_broadcast_are_refused(chosen: torch.Tensor, margin: torch.Tensor | float) -> None:
    with pytest.raises(ValueError, match="must be"):
        bradley_terry(chosen, torch.zeros(3), margin=margin)


def test_margin_column_and_centring_are_those_of_trl() -> None:
    """RewardTrainer.compute_loss of TRL 1.16: -mean log s(c - r - m) + coefficient * mean (c + r)^2, by hand."""
    chosen, rejected, margin = [1.5, -0.5, 2.0], [0.5, 0.25, 3.0], [0.5, 0.0, 1.0]
    triples = list(zip(chosen, rejected, margin, strict=True))
    ranking = sum(math.log1p(math.exp(-(c - r - m))) for c, r, m in triples) / 3
    centring = 0.01 * sum((c + r) ** 2 for c, r, _ in triples) / 3
    loss = bradley_terry(torch.tensor(chosen), torch.tensor(rejected), margin=torch.tensor(margin), center=0.01)
    assert loss.total.mean().item() == pytest.approx(ranking + centring, abs=1e-6)
    # Differences less margins are .5, -.75 and -2; sums 2, -.25 and 5.
    assert loss.total.mean().item() == pytest.approx(
        (0.474077 + 1.136871 + 2.126928) / 3 + 0.01 * 29.0625 / 3, abs=1e-6
    )
