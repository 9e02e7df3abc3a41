"""Which tensors train in which dtype, and what a step below a dtype's resolution does (docs/hardware.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.model.batches import batch_of, random_sequences

from rmx.config.schema import AdapterConfig, ModelConfig, OptimConfig
from rmx.loss import BradleyTerry
from rmx.model import RewardModel, build_reward_model
from rmx.module import RewardModule

F32, BF16 = torch.float32, torch.bfloat16


@pytest.fixture(scope="module")
def build(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Callable[[str, str], RewardModel]:
    def build(dtype: str, kind: str) -> RewardModel:
        model = model_named("tiny-random", dtype=dtype)
        adapter = AdapterConfig(kind=kind, r=4)
        return build_reward_model(model, adapter, layout="packed", seed=0, cache=weights_cache).reward_model

    return build


def stepped(model: RewardModel, lr: float, *, autocast: bool = False) -> torch.optim.AdamW:
    module = RewardModule(model, loss=BradleyTerry(), optim=OptimConfig(lr=lr), total_steps=1)
    optimizer = module.configure_optimizers()
    with torch.autocast("cpu", BF16, enabled=autocast):
        rewards = model.train()(batch_of(random_sequences([8, 6])))
    assert rewards.dtype == F32
    torch.nn.functional.softplus(rewards[1] - rewards[0]).backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize(
    ("dtype", "kind", "frozen", "trained"),
    [
        ("float32", "lora", F32, F32),
        ("bfloat16", "lora", BF16, F32),
        ("bfloat16", "dora", BF16, F32),
        ("float32", "none", None, F32),
        ("bfloat16", "none", None, BF16),
    ],
)
def test_dtypes_of_weights_and_moments(
    build: Callable[[str, str], RewardModel], dtype: str, kind: str, frozen: torch.dtype | None, trained: torch.dtype
) -> None:
    model = build(dtype, kind)
    optimizer = stepped(model, 1e-3)
    backbone = list(model.backbone.parameters())
    assert {p.dtype for p in backbone if not p.requires_grad} == ({frozen} if frozen else set())
    assert {p.dtype for p in backbone if p.requires_grad} == {trained}
    assert model.head.weight.dtype == F32
    for parameter, state in optimizer.state.items():
        assert state["exp_avg"].dtype == state["exp_avg_sq"].dtype == parameter.dtype


@pytest.mark.parametrize(
    ("dtype", "autocast", "moves"), [("bfloat16", False, False), ("float32", True, True), ("float32", False, True)]
)
def test_small_steps_are_lost_in_bfloat16_weights_alone(
    build: Callable[[str, str], RewardModel], dtype: str, autocast: bool, moves: bool
) -> None:
    model = build(dtype, "none")
    # A weight of 1 has no neighbour nearer than 1/128 below or above in bfloat16; AdamW's first step is lr.
    norm = model.backbone.norm.weight
    before = norm.detach().clone()
    assert torch.equal(before, torch.ones_like(before))
    stepped(model, 1e-4, autocast=autocast)
    assert bool((norm != before).any()) == moves
