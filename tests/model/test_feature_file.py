"""Features of a frozen trunk in a file: computed once for several runs, and of no other weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.model.batches import batch_of, random_sequences

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.errors import ModelError
from rmx.model import RewardModel, build_reward_model
from rmx.model.feature_file import keep_features, recall_features


@pytest.fixture
def frozen(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Callable[[int], RewardModel]:
    def build(seed: int) -> RewardModel:
        model = model_named("tiny-random", trunk="frozen")
        return build_reward_model(
            model, AdapterConfig(kind="none"), layout="packed", seed=seed, cache=weights_cache
        ).reward_model

    return build


def test_a_later_run_reads_what_an_earlier_one_computed(frozen: Callable[[int], RewardModel], tmp_path: Path) -> None:
    sequences, file = random_sequences([9, 4, 30, 12]), tmp_path / "folds" / "features.safetensors"
    first, later = frozen(0), frozen(0)
    recall_features(first, file)  # there is none yet
    with torch.no_grad():
        rewards = first(batch_of(sequences[:3]))
    keep_features(first, file)
    recall_features(later, file)
    with torch.no_grad():
        assert torch.equal(later(batch_of(sequences[:3])), rewards)
        assert later.layout.cache.computed == 0
        later(batch_of(sequences))
    assert later.layout.cache.computed == 1
    keep_features(later, file)
    last = frozen(0)
    recall_features(last, file)
    with torch.no_grad():
        last(batch_of(sequences))
    assert last.layout.cache.computed == 0
    before = file.stat().st_mtime_ns
    keep_features(last, file)  # nothing new to write
    assert file.stat().st_mtime_ns == before


def test_features_of_other_weights_are_refused(frozen: Callable[[int], RewardModel], tmp_path: Path) -> None:
    file = tmp_path / "features.safetensors"
    model, other = frozen(0), frozen(0)
    with torch.no_grad():
        model(batch_of(random_sequences([5])))
        next(other.backbone.parameters()).view(-1)[0] += 1e-3
    keep_features(model, file)
    with pytest.raises(ModelError, match="holds features of other weights; delete it"):
        recall_features(other, file)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ModelError, match="cannot be read"):
        recall_features(model, file)
