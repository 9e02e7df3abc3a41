"""A frozen trunk: each distinct sequence runs once, and the head learns as it would without the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.model.batches import batch_of, random_sequences

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.model import RewardModel, build_reward_model, parameter_groups, trainable_state
from rmx.model.layouts.padded import padded
from rmx.model.sequence_cache import SequenceCache
from rmx.model.trunk import FeatureLayout


@pytest.fixture
def frozen(model_named: Callable[..., ModelConfig], weights_cache: Path) -> RewardModel:
    model = model_named("tiny-random", trunk="frozen")
    return build_reward_model(
        model, AdapterConfig(kind="none"), layout="padded", seed=0, cache=weights_cache
    ).reward_model


def test_only_the_head_trains(frozen: RewardModel) -> None:
    assert parameter_groups(frozen)[0] == []
    assert set(trainable_state(frozen)) == {"head.weight"}
    frozen.train()
    assert not any(part.training for part in frozen.backbone.modules())


def test_features_are_computed_once_and_the_head_gets_the_same_gradient(frozen: RewardModel) -> None:
    sequences = random_sequences([9, 4, 30, 12])
    reference = RewardModel(frozen.backbone, frozen.head, padded)
    reference(batch_of(sequences)).square().sum().backward()
    expected = frozen.head.weight.grad.clone()
    with torch.inference_mode():  # a validation before the first step fills the cache
        frozen(batch_of(sequences[:2]))
    for _ in range(2):
        frozen.head.weight.grad = None
        frozen(batch_of(sequences)).square().sum().backward()
        torch.testing.assert_close(frozen.head.weight.grad, expected, atol=1e-5, rtol=1e-5)
    assert frozen.layout.cache.computed == 4


def test_the_key_is_the_text_not_its_number(frozen: RewardModel) -> None:
    first, second = random_sequences([9, 9])
    with torch.no_grad():
        rewards = [frozen(batch_of([s])) for s in (first, second)]  # both are number 0 of their stores
        assert not torch.equal(*rewards)
        torch.testing.assert_close(frozen(batch_of([second, first])), torch.cat(rewards[::-1]))
    assert frozen.layout.cache.computed == 2


def test_features_are_in_the_precision_of_the_weights(frozen: RewardModel) -> None:
    batch = batch_of(random_sequences([9, 5]))
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            first = frozen(batch)
        torch.testing.assert_close(first, RewardModel(frozen.backbone, frozen.head, padded)(batch))


def test_a_full_cache_computes_again(frozen: RewardModel) -> None:
    row = 64 * 4
    cache = SequenceCache(limit=2 * row)
    read = FeatureLayout(padded, cache)
    batch = batch_of(random_sequences([9, 5, 7]))
    torch.testing.assert_close(read(frozen.backbone, batch), read(frozen.backbone, batch))
    assert cache.computed == 4
