"""The probe that a head can start from, against statsmodels and on a real backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.model.batches import random_sequences
from tests.stores import store_of

from rmx.config.schema import AdapterConfig, BatchConfig, ModelConfig
from rmx.data.sequences import PairSet, sequence_batch
from rmx.model import build_reward_model
from rmx.model.head_probe import PENALTY, fit_head, probe_weights


def plain(n: int) -> dict[str, np.ndarray]:
    return {"margin": np.zeros(n, np.float32), "flip": np.zeros(n, np.float32), "weight": np.ones(n, np.float32)}


def test_the_slope_of_the_penalised_loss_is_zero_at_the_weights() -> None:
    """By torch's own gradient of the loss as it is written, on features of unequal scale."""
    rng = np.random.default_rng(0)
    scale = np.array([1.0, 1e-3, 50.0])
    chosen, rejected = (rng.normal(size=(60, 3)) * scale + 7 for _ in range(2))
    chosen += 0.5 * scale
    extras = {"margin": rng.random(60), "flip": rng.random(60) * 0.3, "weight": rng.random(60) + 0.5}
    weights = probe_weights(
        chosen.astype("f4"), rejected.astype("f4"), **{k: v.astype("f4") for k, v in extras.items()}
    )
    spread = np.concatenate([chosen, rejected]).std(0)
    w = torch.tensor(weights * spread, dtype=torch.float64, requires_grad=True)
    margin, flip, weight = (torch.tensor(v) for v in extras.values())
    d = torch.tensor((chosen - rejected) / spread) @ w - margin
    losses = (1 - flip) * torch.nn.functional.softplus(-d) + flip * torch.nn.functional.softplus(d)
    ((losses * weight).sum() / weight.sum() + PENALTY / 2 * w.square().sum()).backward()
    assert w.grad is not None
    assert w.grad.abs().max() < 1e-4


def test_a_dimension_that_never_varies_has_no_weight() -> None:
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(size=(2, 40, 2)).astype("f4")
    chosen[:, 1] = rejected[:, 1] = 3.0
    assert probe_weights(chosen, rejected, **plain(40))[1] == 0.0


@pytest.mark.parametrize("adapter", ["lora", "none"])
def test_a_fitted_head_orders_the_train_pairs(
    model_named: Callable[..., ModelConfig], weights_cache: Path, adapter: str
) -> None:
    built = build_reward_model(
        model_named("tiny-random"), AdapterConfig(kind=adapter), layout="packed", seed=0, cache=weights_cache
    )
    store = store_of(random_sequences([5 + i % 9 for i in range(40)]))
    ids = tuple(map(str, range(20)))
    pairs = PairSet(store, ids, ids, np.arange(20), np.arange(20, 40), *plain(20).values())
    model = built.reward_model.train()
    before = {n: p.clone() for n, p in model.backbone.named_parameters()}
    fit_head(model, pairs, BatchConfig(max_tokens=50))
    assert model.training
    assert all(torch.equal(before[n], p) for n, p in model.backbone.named_parameters())
    with torch.no_grad():
        rewards = model.eval()(sequence_batch(pairs.store, np.arange(40)))
    assert (rewards[:20] > rewards[20:]).float().mean() > 0.9
