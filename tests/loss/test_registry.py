"""Every loss that the configuration names is built, and reads what the configuration says that it reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.stores import store_of

from rmx.config.losses import LOSS_TRAITS
from rmx.config.schema import LossConfig
from rmx.data.sequences import PairSet, build_pair_set, micro_batch
from rmx.domain import Message, Origin, PreferencePair
from rmx.loss import LOSSES, build_loss


def pair_set(kind: str) -> PairSet:
    traits = LOSS_TRAITS[kind]
    prompt = (Message("user", "?"),)
    pairs = [
        PreferencePair(
            f"p{i}",
            prompt,
            "a",
            "b",
            Origin("f.jsonl", i + 1),
            strength=float(1 + i % 3),
            tied=traits.ties and i % 4 == 0,
        )
        for i in range(12)
    ]
    rng = np.random.default_rng(0)
    chosen, rejected = rng.integers(0, 6, 12), rng.integers(6, 12, 12)
    config = LossConfig(kind=kind)
    return build_pair_set(pairs, store_of([[i] for i in range(12)]), chosen, rejected, config, soft_labels=False)


def test_both_registries_name_the_same_losses() -> None:
    assert list(LOSSES) == list(LOSS_TRAITS)


@pytest.mark.parametrize("kind", LOSSES)
def test_a_micro_batch_reaches_every_parameter_with_finite_terms(kind: str) -> None:
    pairs = pair_set(kind)
    loss = build_loss(LossConfig(kind=kind, center=0.1), pairs)
    assert bool(list(loss.parameters())) == LOSS_TRAITS[kind].trained
    # Even a micro-batch of one pair, or of fillers, whose gradient other ranks wait for.
    for members, weightless in ((np.arange(12), False), (np.array([1]), False), (np.array([4]), True)):
        micro = micro_batch(pairs, members, weightless=weightless)
        rewards = torch.linspace(-2, 2, len(micro.sequences), requires_grad=True)
        terms, weight = loss(rewards, micro)
        assert terms.total.shape == weight.shape
        assert weight.sum() == pytest.approx(0.0 if weightless else len(members))
        (weight * terms.total).sum().backward()
        for p in (rewards, *loss.parameters()):
            assert p.grad is not None
            assert torch.isfinite(p.grad).all()


@pytest.mark.parametrize("kind", [k for k, t in LOSS_TRAITS.items() if t.trained])
def test_what_is_trained_is_told_and_goes_to_the_curve(kind: str) -> None:
    loss = build_loss(LossConfig(kind=kind), pair_set(kind))
    assert loss.facts()
    assert all(name.startswith("train/") and isinstance(value, float) for name, value in loss.metrics().items())
