"""Adapters: the head always trains and is always saved, merging changes nothing but the form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.model.batches import batch_of, random_sequences
from transformers import AutoModel

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model import RewardModel, build_reward_model, load_trainable_state, parameter_groups, trainable_state
from rmx.model.adapter import adapter_state, merged_state


@pytest.fixture(scope="module")
def build(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Callable[..., RewardModel]:
    def build(kind: str, *, seed: int = 0, **changes: object) -> RewardModel:
        adapter = AdapterConfig(kind=kind, r=4, alpha=8.0, **changes)  # type: ignore[arg-type]
        built = build_reward_model(model_named("tiny-random"), adapter, layout="packed", seed=seed, cache=weights_cache)
        return built.reward_model

    return build


def disturb(model: RewardModel, seed: int = 1) -> None:
    """Move every trained tensor, as training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in trainable_state(model).values():
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.05)


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora", "none"])
def test_the_head_always_trains_and_is_always_saved(build: Callable[..., RewardModel], kind: str) -> None:
    model = build(kind)
    backbone, head = parameter_groups(model)
    assert [p.shape for p in head] == [(1, 64)]
    state = trainable_state(model)
    assert "head.weight" in state
    assert len(state) == len(backbone) + 1
    names = {n.split(".")[-2 if kind == "none" else -3] for n in state if n != "head.weight"}
    if kind in ("lora", "rslora"):
        # Seven linear layers in each of two blocks, each with A and B.
        assert len(backbone) == 28
        assert all("lora_" in n for n in state if n != "head.weight"), names
    if kind == "dora":
        assert len(backbone) == 42
    if kind == "none":
        assert len(state) == len(list(model.parameters()))
    model.head.weight.requires_grad_(False)
    with pytest.raises(ModelError, match="head"):
        parameter_groups(model)
    with pytest.raises(ModelError, match="head"):
        trainable_state(model)


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora", "none"])
def test_trained_state_goes_round(build: Callable[..., RewardModel], kind: str) -> None:
    model, fresh = build(kind), build(kind, seed=5)
    disturb(model)
    load_trainable_state(fresh, {n: t.clone() for n, t in trainable_state(model).items()})
    batch = batch_of(random_sequences([8, 5]))
    with torch.no_grad():
        assert torch.equal(model(batch), fresh(batch))


def test_a_state_of_another_model_is_refused(build: Callable[..., RewardModel]) -> None:
    model = build("lora")
    state = {n: t.clone() for n, t in trainable_state(model).items()}
    without = {n: t for n, t in state.items() if n != "head.weight"}
    with pytest.raises(ModelError, match=r"lacks head\.weight \(1 missing, 0 unknown\)"):
        load_trainable_state(model, without)
    with pytest.raises(ModelError, match=r"holds backbone.*does not train here"):
        load_trainable_state(model, {**state, "backbone.base_model.model.norm.weight": torch.ones(64)})
    with pytest.raises(ModelError, match=r"shape \(1, 32\), wanted \(1, 64\)"):
        load_trainable_state(model, {**state, "head.weight": torch.ones(1, 32)})
    assert all(torch.equal(t, state[n]) for n, t in trainable_state(model).items())


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora"])
def test_merged_weights_give_the_same_rewards_and_leave_the_model(build: Callable[..., RewardModel], kind: str) -> None:
    model = build(kind).eval()
    disturb(model)
    batch = batch_of(random_sequences([8, 5, 20]))
    before = {n: t.clone() for n, t in model.state_dict().items()}
    with torch.no_grad():
        expected = model(batch)
        plain = AutoModel.from_config(model.backbone.get_base_model().config)
        plain.load_state_dict(merged_state(model.backbone))
        merged = RewardModel(plain.eval(), model.head, model.layout)(batch)
        untouched = build(kind).eval()(batch)
    torch.testing.assert_close(merged, expected, atol=1e-5, rtol=1e-5)
    assert float((expected - untouched).abs().min()) > 1e-3
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())


def test_targets_that_fit_no_layer_are_refused(build: Callable[..., RewardModel]) -> None:
    with pytest.raises(ConfigError, match=r"adapter\.targets=\['absent'\]") as error:
        build("lora", targets=["absent"])
    assert "\n" not in str(error.value)


def test_one_name_is_a_target_as_a_list_of_it(build: Callable[..., RewardModel]) -> None:
    model = build("lora", targets="q_proj")
    assert {name.split(".")[-4] for name in trainable_state(model) if ".lora_" in name} == {"q_proj"}
    config, _ = adapter_state(model.backbone, "model", "SEQ_CLS", {})
    assert config.target_modules == {"q_proj"}


def test_the_seed_sets_the_adapter_and_nothing_global(build: Callable[..., RewardModel]) -> None:
    torch.manual_seed(3)
    first = trainable_state(build("lora", seed=1))
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    second = trainable_state(build("lora", seed=1))
    third = trainable_state(build("lora", seed=2))
    name = next(n for n in first if "lora_A" in n)
    assert torch.equal(first[name], second[name])
    assert not torch.equal(first[name], third[name])
