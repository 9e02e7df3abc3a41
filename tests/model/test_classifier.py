"""transformers' classifiers taken apart, and what becomes of a head that the source has already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.model.batches import batch_of
from tests.model.families import TEXTS, build, plain_rewards, sequences, train_two_steps
from tests.model.shapes import save_tiny
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

from rmx.config.schema import AdapterConfig, MethodConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.errors import ConfigError, ModelError
from rmx.export import Findings, export_model
from rmx.model import build_implicit_reward
from rmx.model.classifier import anatomy
from rmx.scorers.reward_model import load_reward


@pytest.mark.parametrize(
    ("kind", "head", "between"),
    [
        ("llama", "score", ()),
        ("bert", "classifier", ()),
        ("modernbert", "classifier", ("head",)),
        ("roberta", "classifier.out_proj", ("classifier",)),
        ("deberta-v2", "classifier", ("pooler",)),
        ("distilbert", "classifier", ("pre_classifier",)),
        ("electra", "classifier.out_proj", ("classifier",)),
    ],
)
def test_where_a_classifier_keeps_its_parts(kind: str, head: str, between: tuple[str, ...]) -> None:
    found = anatomy(AutoConfig.for_model(kind, num_hidden_layers=1))
    assert found == (head, between, kind == "llama")


@pytest.mark.parametrize("kind", ["t5", "ctrl"])
def test_classifiers_that_could_not_be_exported_are_refused(kind: str) -> None:
    with pytest.raises(ModelError, match=f"{kind}.*choose a decoder or an encoder"):
        anatomy(AutoConfig.for_model(kind, num_hidden_layers=1))


@pytest.mark.parametrize("kind", ["llama", "bert", "modernbert"])
def test_a_reward_model_starts_with_its_own_head(kind: str, tmp_path: Path) -> None:
    """As published by others: its rewards before training are those that plain transformers gives."""
    source = save_tiny(kind, tmp_path / "source", form=AutoModelForSequenceClassification, num_labels=1)
    built = build(source, "lora")
    assert built.facts["head"] == "kept"
    stored = load_file(source / "model.safetensors")
    head = "score" if kind == "llama" else "classifier"
    assert torch.equal(built.reward_model.head.weight[0], stored[f"{head}.weight"][0])
    network = AutoModelForSequenceClassification.from_pretrained(source).eval()
    with torch.no_grad():
        rewards = built.reward_model.eval()(batch_of(sequences(built))).tolist()
        # One at a time: whatever the source pads with.
        expected = [float(network(torch.tensor([ids])).logits) for ids in sequences(built)]
    assert rewards == pytest.approx(expected, rel=1e-5, abs=1e-6)

    before, _, after = train_two_steps(built)
    assert after < before
    contract = export_model(
        tmp_path / "model", built.reward_model.eval(), Renderer(built.tokenizer), Findings(), built.facts
    )
    assert contract.model["head"] == "kept"
    assert "that of the base, a reward model already" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_training_goes_on_from_an_export(dtype: str, tmp_path: Path) -> None:
    first = build(save_tiny("llama", tmp_path / "source"), "lora", dtype=dtype)
    train_two_steps(first, lr=1e-2)
    export_model(tmp_path / "model", first.reward_model.eval(), Renderer(first.tokenizer), Findings(), first.facts)
    again = build(tmp_path / "model", dtype=dtype)
    assert torch.equal(again.reward_model.head.weight, first.reward_model.head.weight), "in float32, as it was stored"
    with torch.no_grad():
        expected = first.reward_model(batch_of(sequences(first)))
        rewards = again.reward_model.eval()(batch_of(sequences(again)))
    torch.testing.assert_close(rewards, expected, atol=1e-5 if dtype == "float32" else 0.05, rtol=1e-5)


def test_a_bias_is_kept_where_the_architecture_has_one(tmp_path: Path) -> None:
    source = save_tiny("bert", tmp_path / "source", form=AutoModelForSequenceClassification, num_labels=1)
    tensors = load_file(source / "model.safetensors")
    tensors["classifier.bias"] = torch.tensor([0.75])
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    built = build(source, "lora")
    assert built.reward_model.head.bias.tolist() == [0.75]
    train_two_steps(built)
    assert built.reward_model.head.bias.tolist() == [0.75], "a constant is no preference: its gradient would be noise"
    export_model(tmp_path / "model", built.reward_model.eval(), Renderer(built.tokenizer), Findings(), built.facts)
    assert load_file(tmp_path / "model" / "model.safetensors")["classifier.bias"].tolist() == [0.75]
    rewards = load_reward(tmp_path / "model", cache=tmp_path).score([p for p, _ in TEXTS], [a for _, a in TEXTS])
    assert plain_rewards(tmp_path / "model", built) == pytest.approx(rewards.tolist(), rel=1e-5)


def test_a_bias_without_a_place_is_refused(tmp_path: Path) -> None:
    source = save_tiny("llama", tmp_path / "source", form=AutoModelForSequenceClassification, num_labels=1)
    tensors = load_file(source / "model.safetensors")
    tensors["score.bias"] = torch.tensor([0.75])
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="its head has a bias, for which LlamaForSequenceClassification has no place"):
        build(source)


@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_several_labels_are_refused(kind: str, tmp_path: Path) -> None:
    source = save_tiny(kind, tmp_path / "source", form=AutoModelForSequenceClassification, num_labels=3)
    with pytest.raises(ModelError, match="3 labels, and nothing says which one is a reward") as error:
        build(source)
    assert "\n" not in str(error.value)


def test_a_head_of_an_unknown_class_is_refused_not_lost(tmp_path: Path) -> None:
    source = save_tiny("llama", tmp_path / "source")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "architectures": ["LlamaForRewardModel"]}))
    with pytest.raises(ModelError, match="stored as LlamaForRewardModel, a class that transformers does not have"):
        build(source)


def test_a_head_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    source = save_tiny("llama", tmp_path / "source", form=AutoModelForSequenceClassification, num_labels=1)
    tensors = load_file(source / "model.safetensors")
    del tensors["score.weight"]
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing.*score\.weight"):
        build(source)


def test_settings_that_would_lose_a_head_are_refused(tmp_path: Path) -> None:
    source = save_tiny("llama", tmp_path / "source", form=AutoModelForSequenceClassification, num_labels=1)
    with pytest.raises(ConfigError, match=r"model\.head_init=probe: .*trained head would be lost"):
        build(source, head_init="probe")
    with pytest.raises(ConfigError, match=r"model\.head_init_std=0\.0: .*trained head would be lost"):
        build(source, head_init_std=0.0)


def test_other_models_get_a_new_head(tmp_path: Path) -> None:
    labels = save_tiny("qwen2", tmp_path / "labels", form=AutoModelForTokenClassification, num_labels=2)
    assert build(labels).facts["head"] == "new"


def test_a_reward_model_is_no_policy(tmp_path: Path) -> None:
    """Its embeddings are tied, so that transformers would load it as a language model."""
    tied = {"form": AutoModelForSequenceClassification, "num_labels": 1, "tie_word_embeddings": True}
    source = save_tiny("llama", tmp_path / "source", **tied)
    with pytest.raises(ModelError, match="a sequence classifier, which is no language model"):
        build_implicit_reward(
            MethodConfig("dpo", beta=0.1),
            ModelConfig(source=str(source)),
            AdapterConfig(kind="none"),
            layout="packed",
            seed=0,
            cache=tmp_path,
        )
