"""Encoders: their own pooling and head, right padding alone, an adapter that others can read, their own bound."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tests.model.batches import batch_of
from tests.model.families import TEXTS, build, plain_rewards, sequences, train_two_steps
from tests.model.shapes import ENCODERS, save_tiny
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    FNetConfig,
    XLNetConfig,
)

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.domain import Message
from rmx.errors import ConfigError, DataError, ExportError, ModelError
from rmx.export import Findings, export_model
from rmx.model import build_reward_model, trainable_state
from rmx.model.classifier import anatomy, reader
from rmx.model.model_config import context_length
from rmx.scorers.reward_model import load_reward


@pytest.mark.parametrize("kind", ENCODERS)
def test_rewards_and_gradients_are_those_of_transformers_own_classifier(kind: str, tmp_path: Path) -> None:
    """The same weights in the untouched class, padded on the right, are the oracle."""
    built = build(save_tiny(kind, tmp_path / "source"), layout="padded")
    assert built.unpacked == ""
    model = built.reward_model.eval()
    config = copy.deepcopy(model.backbone.config)
    network = AutoModelForSequenceClassification.from_config(config).eval()
    head = "classifier.out_proj" if kind in ("roberta", "electra") else "classifier"
    state = {f"{network.base_model_prefix}.{name}": tensor for name, tensor in model.backbone.state_dict().items()}
    state |= model.between.state_dict() if model.between is not None else {}
    state |= {f"{head}.{name}": tensor for name, tensor in model.head.state_dict().items()}
    network.load_state_dict(state)
    ids = sequences(built)
    width = max(map(len, ids))
    padded = torch.tensor([row + [config.pad_token_id] * (width - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    expected = network(input_ids=padded, attention_mask=mask).logits[:, 0]
    rewards = model(batch_of(ids))
    torch.testing.assert_close(rewards, expected, atol=1e-6, rtol=1e-5)
    weight = torch.linspace(-1.0, 1.0, len(ids))
    (rewards * weight).sum().backward()
    (expected * weight).sum().backward()
    theirs = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    mine = {
        f"{network.base_model_prefix}.{n}": p.grad for n, p in model.backbone.named_parameters() if p.grad is not None
    }
    assert len(mine) > 10
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, theirs[name], atol=1e-6, rtol=1e-4)


def test_a_reward_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    built = build(save_tiny("modernbert", tmp_path / "source", classifier_pooling="mean"))
    model = built.reward_model.eval()
    with torch.no_grad():
        together = model(batch_of(sequences(built)))
        alone = torch.cat([model(batch_of([ids])) for ids in sequences(built)])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)


def test_what_is_new_depends_on_the_seed_alone(tmp_path: Path) -> None:
    source = save_tiny("roberta", tmp_path / "source")
    torch.manual_seed(5)
    first = build(source, seed=3).reward_model
    torch.manual_seed(6)
    again, other = build(source, seed=3).reward_model, build(source, seed=4).reward_model
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert not torch.equal(first.between.classifier.dense.weight, other.between.classifier.dense.weight)
    assert not torch.equal(first.head.weight, other.head.weight)
    assert not first.head.bias.any()


@pytest.mark.parametrize(
    "kind", ["bert", "modernbert", *(pytest.param(k, marks=pytest.mark.slow) for k in ("roberta", "deberta-v2"))]
)
def test_the_adapter_on_the_original_base_gives_the_trained_rewards(kind: str, tmp_path: Path) -> None:
    """Everything that is not the base model trains whole and is saved with the adapter."""
    source = save_tiny(kind, tmp_path / "source")
    built = build(source, "lora")
    train_two_steps(built, lr=1e-2)
    assert any(name.startswith("between.") for name in trainable_state(built.reward_model)) == (kind != "bert")
    export_model(tmp_path / "model", built.reward_model.eval(), Renderer(built.tokenizer), Findings(), built.facts)
    base = AutoModelForSequenceClassification.from_pretrained(source, num_labels=1)
    adapted = PeftModel.from_pretrained(base, str(tmp_path / "model" / "adapter"))
    with torch.no_grad():
        rewards = built.reward_model(batch_of(sequences(built))).tolist()
    assert plain_rewards(tmp_path / "model", built, adapted) == pytest.approx(rewards, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", ["modernbert", "roberta"])
def test_an_adapter_whose_pooling_trained_is_not_gone_on_with_without_it(kind: str, tmp_path: Path) -> None:
    source = save_tiny(kind, tmp_path / "source")
    built = build(source, "lora")
    export_model(tmp_path / "model", built.reward_model, Renderer(built.tokenizer), Findings(), built.facts)
    model = ModelConfig(source=str(source), chat_template="encoder")
    found = AdapterConfig(kind="peft", source=str(tmp_path / "model" / "adapter"))
    with pytest.raises(
        ModelError, match=r"was trained beside the adapter \(adapter\.source\).*give that as model"
    ) as e:
        build_reward_model(model, found, layout="padded", seed=0, cache=source)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_a_source_that_pads_on_the_left_is_refused(kind: str, tmp_path: Path) -> None:
    source = save_tiny(kind, tmp_path)
    file = source / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "padding_side": "left"}))
    with pytest.raises(ModelError, match="pads on the left, and an encoder is padded on the right alone") as caught:
        build(source)
    assert "\n" not in str(caught.value)


def test_padding_on_the_left_is_refused(tmp_path: Path) -> None:
    built = build(save_tiny("bert", tmp_path / "source"))
    export = tmp_path / "model"
    contract = export_model(export, built.reward_model.eval(), Renderer(built.tokenizer), Findings(), built.facts)
    assert (contract.padding, contract.pooled_position) == ("right", "own")
    assert "as the model's own classifier pools" in (export / "README.md").read_text()
    settings = export / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "padding_side": "left"}))
    with pytest.raises(ExportError, match="its tokenizer pads on the left, recorded is right alone"):
        load_reward(export, cache=tmp_path)


def test_a_classifier_that_reads_its_padding_is_refused(tmp_path: Path) -> None:
    """XLNet reads the last position, whatever stands there; FNet knows no padding."""
    shape = {"d_model": 32, "n_layer": 1, "n_head": 2, "d_inner": 32}
    xlnet = XLNetConfig(**shape, vocab_size=64, num_labels=1)
    fnet = FNetConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, intermediate_size=32, num_labels=1)
    for config in (xlnet, fnet):
        network = AutoModelForSequenceClassification.from_config(config)
        with pytest.raises(ModelError, match=f"{config.model_type}: .*changes with padding on the right") as error:
            reader(network, anatomy(config), "padded", directory=tmp_path)
        assert "\n" not in str(error.value)


def test_a_classifier_that_takes_no_mask_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, num_labels=1)
    network = AutoModelForSequenceClassification.from_config(config)
    monkeypatch.setattr(network, "forward", lambda input_ids: None)
    with pytest.raises(ModelError, match=r"bert: its classifier cannot run a padded batch \(.*attention_mask.*\)"):
        reader(network, anatomy(config), "padded", directory=tmp_path)


def test_a_pooler_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    """A masked language model has none: beside an adapter it would be another random one at every loading."""
    with pytest.raises(ModelError, match=r"2 weights are missing.*bert\.pooler\.dense\.bias"):
        build(save_tiny("bert", tmp_path / "source", form=AutoModelForMaskedLM))


def test_a_frozen_trunk_wants_all_of_it_stored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"classifier\.dense\.\w+ is not stored in .* and would stay random"):
        build(save_tiny("roberta", tmp_path / "roberta"), trunk="frozen")
    built = build(save_tiny("bert", tmp_path / "bert"), trunk="frozen")
    assert [n for n, p in built.reward_model.named_parameters() if p.requires_grad] == ["head.weight"]
    model = built.reward_model.train()
    rewards = model(batch_of(sequences(built)))
    rewards.sum().backward()
    torch.testing.assert_close(rewards, model(batch_of(sequences(built))))
    assert len(model.caches()) == 1


def test_texts_beyond_the_positions_are_named_not_cut(tmp_path: Path) -> None:
    built = build(save_tiny("bert", tmp_path / "source", max_position_embeddings=256))
    assert built.max_length == 256
    export_model(tmp_path / "model", built.reward_model.eval(), Renderer(built.tokenizer), Findings(), built.facts)
    reward = load_reward(tmp_path / "model", cache=tmp_path)
    assert reward.max_length == 256
    with pytest.raises(DataError, match=r"score row 1: .*the model reads 256"):
        reward.score(["x " * 300], ["y"])


def test_positions_counted_from_the_pad_token_are_fewer_than_rows(tmp_path: Path) -> None:
    """roberta-base has 514 rows and reads 512 tokens."""
    config = AutoConfig.for_model("roberta", max_position_embeddings=514)
    assert context_length(config) == 512
    built = build(save_tiny("roberta", tmp_path / "source", max_position_embeddings=40))
    model, length = built.reward_model.eval(), built.max_length
    with torch.no_grad():
        assert model(batch_of([[5] * length])).isfinite().all()
        with pytest.raises((IndexError, RuntimeError)):
            model(batch_of([[5] * (length + 1)]))


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_dialogues_are_rendered_without_a_chat_template_of_its_own(kind: str, tmp_path: Path) -> None:
    built = build(save_tiny(kind, tmp_path / "source"))
    renderer = Renderer(built.tokenizer)
    prompt = (Message("system", "Be brief."), Message("user", "Hi"))
    assert renderer.render(prompt, "Hello.") == "[CLS]system: Be brief.[SEP]user: Hi[SEP]assistant: Hello.[SEP]"
    assert (renderer.terminal, renderer.terminal_id) == ("[SEP]", built.tokenizer.sep_token_id)
    bare = tmp_path / "source"
    with pytest.raises(ModelError, match=r"no chat template; set model\.chat_template to encoder"):
        build(bare, chat_template=None)


def test_scores_of_texts_are_the_models(tmp_path: Path) -> None:
    built = build(save_tiny("modernbert", tmp_path / "source"))
    export_model(tmp_path / "model", built.reward_model.eval(), Renderer(built.tokenizer), Findings(), built.facts)
    reward = load_reward(tmp_path / "model", cache=tmp_path)
    assert reward.flags == ("its texts are padded, not packed: it is an encoder: every token sees every other, and its "
    "classifier pools for itself",)  # fmt: skip
    scores = reward.score([p for p, _ in TEXTS], [a for _, a in TEXTS])
    assert scores.tolist() == pytest.approx(plain_rewards(tmp_path / "model", built), rel=1e-5, abs=1e-6)
