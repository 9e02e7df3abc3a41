"""Families whose weights are not at hand, tiny and random: trained, packed, exported and read back by transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tests.model.batches import batch_of
from tests.model.families import TEXTS, build, loss_of, plain_rewards, sequences, train_two_steps
from tests.model.shapes import ENCODERS, LLAMA3_ROPE, save_tiny
from transformers import AutoModelForSequenceClassification

from rmx.data.render import Renderer
from rmx.errors import ModelError
from rmx.export import Findings, export_model
from rmx.model.afresh import run_afresh
from rmx.scorers.reward_model import load_reward

ALIBI = {"n_head": 4, "n_layer": 2}
GPT2 = {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 1024}
DECODERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "Llama 3.2": ("llama", {"rope_parameters": LLAMA3_ROPE}, ""),
    "Qwen2": ("qwen2", {}, ""),
    "Qwen3": ("qwen3", {}, ""),
    "Gemma 2": ("gemma2", {}, ""),
    "Gemma 3": ("gemma3_text", {}, ""),
    "Mistral": ("mistral", {"sliding_window": 64}, ""),
    "Phi-3": ("phi3", {}, ""),
    "Pythia": ("gpt_neox", {}, ""),
    "GPT-2": ("gpt2", GPT2, ""),
    "OLMo 2": ("olmo2", {}, ""),
    "Qwen3-MoE": ("qwen3_moe", {}, ""),
    "Mixtral": ("mixtral", {}, ""),
    "BLOOM": ("bloom", ALIBI, "not behind transformers' attention interface"),
}
"""By name: architecture, its own fields, and why it is padded."""
FAMILIES = {**DECODERS, **{kind: (kind, {}, "it is an encoder") for kind in ENCODERS}}
FAST = ("Llama 3.2", "Gemma 3", "GPT-2", "Qwen3-MoE", "BLOOM", "modernbert", "roberta")
"""One of each kind: the others are slow tests."""
ADAPTERS = {"Qwen2": "none", "Gemma 3": "none", "GPT-2": "none", "bert": "none", "roberta": "none"}
"""Those that train whole here; the others with LoRA."""


@pytest.mark.parametrize(
    "family", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
)
def test_a_family_trains_and_reads_back_in_plain_transformers(family: str, tmp_path: Path) -> None:
    kind, fields, why = FAMILIES[family]
    source = save_tiny(kind, tmp_path / "source", **fields)
    built = build(source, ADAPTERS.get(family, "lora"))
    assert (why in built.unpacked) if why else not built.unpacked
    assert "\n" not in built.unpacked
    assert built.facts["head"] == "new"

    before, between, after = train_two_steps(built)
    assert before > between > after

    model = built.reward_model.eval()
    with torch.no_grad():
        rewards = model(batch_of(sequences(built)))
        with run_afresh(model, pad=True):
            padded = model(batch_of(sequences(built)))
    torch.testing.assert_close(rewards, padded, atol=1e-5, rtol=1e-5)
    assert len({round(r, 4) for r in rewards.tolist()}) == len(TEXTS), "texts that score alike prove nothing"

    export = tmp_path / "model"
    contract = export_model(export, model, Renderer(built.tokenizer), Findings(), built.facts)
    assert contract.padding == ("right" if kind in (*ENCODERS, "gpt2") else "either")
    assert contract.pooled_position == ("own" if kind in ENCODERS else "last")
    assert plain_rewards(export, built) == pytest.approx(rewards.tolist(), rel=1e-5, abs=1e-5)
    again = load_reward(export, cache=tmp_path).score([p for p, _ in TEXTS], [a for _, a in TEXTS])
    assert again.tolist() == pytest.approx(rewards.tolist(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe", "phimoe"])
def test_experts_are_chosen_without_chance_and_nothing_is_added_to_the_loss(kind: str, tmp_path: Path) -> None:
    """An auxiliary loss, and noise in the routing, that the config asks for: gradients are those of one without."""
    noisy = {"router_aux_loss_coef": 1e3, "output_router_logits": True, "input_jitter_noise": 0.5}
    if kind == "mixtral":
        noisy["router_jitter_noise"] = 0.5
    gradients = []
    for name, fields in (("plain", {}), ("noisy", noisy), ("again", noisy)):
        built = build(save_tiny(kind, tmp_path / name, **fields))
        built.reward_model.train()
        torch.manual_seed(len(gradients))
        loss_of(built).backward()
        gradients.append({n: p.grad for n, p in built.reward_model.named_parameters() if p.grad is not None})
    assert any("gate" in name or "router" in name for name in gradients[0])
    for other in gradients[1:]:
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(other[name], gradient, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_a_bfloat16_backbone_trains_under_a_float32_head(kind: str, tmp_path: Path) -> None:
    built = build(save_tiny(kind, tmp_path / "source"), dtype="bfloat16")
    before, _, after = train_two_steps(built, lr=1e-2)
    assert after < before
    model = built.reward_model
    assert {p.dtype for p in model.backbone.parameters()} == {torch.bfloat16}
    assert model.head.weight.dtype == torch.float32
    contract = export_model(tmp_path / "model", model.eval(), Renderer(built.tokenizer), Findings(), built.facts)
    assert contract.dtype == "bfloat16"
    again = load_reward(tmp_path / "model", cache=tmp_path).score([p for p, _ in TEXTS], [a for _, a in TEXTS])
    with torch.no_grad():
        rewards = model(batch_of(sequences(built)))
    assert again.tolist() == pytest.approx(rewards.tolist(), rel=1e-3, abs=1e-3)


def test_an_architecture_without_a_classifier_of_its_own_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="olmoe: transformers has no sequence classifier of this architecture"):
        build(save_tiny("olmoe", tmp_path))


@pytest.mark.parametrize(
    "kind", ["mixtral", *(pytest.param(k, marks=pytest.mark.slow) for k in ("qwen3_moe", "qwen2_moe"))]
)
def test_an_adapter_on_experts_is_that_of_peft(kind: str, tmp_path: Path) -> None:
    built = build(save_tiny(kind, tmp_path / "source"), "lora")
    train_two_steps(built, lr=1e-2)
    contract = export_model(
        tmp_path / "model", built.reward_model.eval(), Renderer(built.tokenizer), Findings(), built.facts
    )
    base = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "source", num_labels=1, pad_token_id=contract.pad_id
    )
    adapted = PeftModel.from_pretrained(base, str(tmp_path / "model" / "adapter"))
    with torch.no_grad():
        rewards = built.reward_model(batch_of(sequences(built))).tolist()
    assert plain_rewards(tmp_path / "model", built, adapted) == pytest.approx(rewards, rel=1e-5, abs=1e-5)
