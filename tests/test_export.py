"""An export keeps the reward's meaning: plain transformers, peft and rmx read the same numbers from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.domain import AuditResult, GateDecision
from rmx.errors import ExportError
from rmx.export import Findings, export_model
from rmx.export.verify import plain_scores
from rmx.model import BuiltModel, Contract, build_reward_model, trainable_state

FINDINGS = Findings(
    reward_mean=0.25,
    reward_sd=1.5,
    temperature=1.1,
    trained_length=256,
    data_fingerprint="d4ta",
    split_fingerprint="5pl1t",
    audits=(
        AuditResult("accuracy", "heldout", "model", "accuracy", 0.7, 0.65, 0.75, "cluster", 400, 200),
        AuditResult("scale", "heldout", "model", "skew", float("nan"), None, None, "none", 0, 0, status="FAIL"),
    ),
    gate=GateDecision("default", "FAIL", (), ("length",), simulated=True),
)


@dataclass(frozen=True)
class Exported:
    directory: Path
    contract: Contract
    built: BuiltModel


def export(model: ModelConfig, kind: str, cache: Path, directory: Path, *, findings: Findings = FINDINGS) -> Exported:
    adapter = AdapterConfig(kind=kind, r=4, alpha=8.0)
    built = build_reward_model(model, adapter, layout="packed", seed=0, cache=cache)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # as after training: B away from zero
        for tensor in trainable_state(built.reward_model).values():
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.02)
    renderer = Renderer(built.tokenizer)
    contract = export_model(directory, built.reward_model, renderer, findings, built.facts)
    return Exported(directory, contract, built)


GPT2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512}
"""Absolute positions, and weights stored transposed."""

CASES = {
    "tiny lora": ("tiny-random", "lora", {}),
    "tiny rslora": ("tiny-random", "rslora", {}),
    "tiny dora": ("tiny-random", "dora", {}),
    "tiny full": ("tiny-random", "none", {}),
    "tiny frozen": ("tiny-random", "none", {"trunk": "frozen"}),
    "tiny bfloat16": ("tiny-random", "lora", {"dtype": "bfloat16"}),
    "tiny gpt2 lora": ("tiny-random", "lora", {"shape": GPT2}),
    "smollm2 lora": ("smollm2-135m", "lora", {"layers": 2}),
    "smollm2 full": ("smollm2-135m", "none", {"layers": 2}),
}


@pytest.fixture(scope="module", params=CASES)
def exported(
    request: pytest.FixtureRequest,
    model_named: Callable[..., ModelConfig],
    weights_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Exported:
    name, kind, changes = CASES[request.param]
    directory = tmp_path_factory.mktemp("export") / "model"
    return export(model_named(name, **changes), kind, weights_cache, directory)


def assert_golden(network: Any, exported: Exported) -> None:
    """Scores alone, padded right and padded left are the trained model's."""
    expected = [g.score for g in exported.contract.golden]
    bound = 1e-5 if exported.contract.dtype == "float32" else 3e-2
    assert exported.contract.padding == ("right" if "gpt2" in exported.built.facts["source"] else "either")
    for how, scores in plain_scores(network.eval(), exported.contract).items():
        if how == "padded left" and exported.contract.padding == "right":
            assert scores != pytest.approx(expected, rel=bound, abs=bound)
            continue
        assert scores == pytest.approx(expected, rel=bound, abs=bound), how
    assert len({round(score, 3) for score in expected}) == len(expected), "golden inputs that score alike prove nothing"


def test_the_card_has_tags_that_the_hub_finds_it_by(exported: Exported) -> None:
    _, metadata, _ = (exported.directory / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert {"reward-model", "rmx"} <= set(yaml.safe_load(metadata)["tags"])


def test_plain_transformers_gives_the_trained_rewards(exported: Exported) -> None:
    network = AutoModelForSequenceClassification.from_pretrained(exported.directory)
    assert network.config.num_labels == 1
    assert network.config.architectures == [type(network).__name__]
    assert network.config.pad_token_id == exported.contract.pad_id == 16
    assert str(network.dtype).endswith(exported.contract.dtype)
    assert_golden(network, exported)


def test_the_tokenizer_pads_as_the_contract_says(exported: Exported) -> None:
    tokenizer = AutoTokenizer.from_pretrained(exported.directory)
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (16, 2)
    assert tokenizer.padding_side == "right"
    assert len(tokenizer) == exported.built.facts["vocabulary"]
    again = Renderer(tokenizer)
    assert again.template_hash == exported.contract.template_hash
    store = again.encode([(g.prompt, g.completion) for g in exported.contract.golden])
    for i, golden in enumerate(exported.contract.golden):
        assert tuple(store.ids(i).tolist()) == golden.ids
        assert golden.ids[-1] == exported.contract.terminal_id == 2


def test_the_adapter_on_the_original_base_gives_the_trained_rewards(exported: Exported) -> None:
    adapter = exported.directory / "adapter"
    if exported.built.facts["adapter"] == "none":
        assert not adapter.exists()
        return
    settings = json.loads((adapter / "adapter_config.json").read_text())
    assert settings["task_type"] == "SEQ_CLS"
    assert settings["modules_to_save"] == ["score"]
    base = AutoModelForSequenceClassification.from_pretrained(
        settings["base_model_name_or_path"],
        num_labels=1,
        pad_token_id=exported.contract.pad_id,
        num_hidden_layers=exported.built.facts["layers"],
        dtype=getattr(torch, exported.contract.dtype),
    )
    assert_golden(PeftModel.from_pretrained(base, str(adapter)), exported)


def test_the_cards_lines_run(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    card = (exported.directory / "README.md").read_text()
    assert "FAIL" in card
    assert "simulated gold" in card
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    (plain,) = (b for b in blocks if "AutoTokenizer" in b)
    monkeypatch.chdir(exported.directory.parent)
    names: dict[str, Any] = {}
    exec(plain, names)
    first = exported.contract.golden[0].score
    assert names["rewards"].tolist() == pytest.approx([first], abs=3e-2 if "bf" in exported.contract.dtype else 1e-5)
    for block in blocks:
        if "PeftModel" in block:
            base = json.loads((exported.directory / "adapter" / "adapter_config.json").read_text())
            exec(block, {"BASE": base["base_model_name_or_path"]})


def test_the_contract_holds_what_was_found(exported: Exported) -> None:
    read = Contract.read(exported.directory)
    assert read == replace(exported.contract, audits=read.audits, model=read.model)
    assert (read.reward_mean, read.reward_sd, read.temperature) == (0.25, 1.5, 1.1)
    assert (read.verdict, read.simulated) == ("FAIL", True)
    assert read.audits[0]["estimate"] == 0.7
    assert read.audits[1]["estimate"] == "NaN"
    assert read.max_length == (512 if "gpt2" in read.model["source"] else 8192)
    assert read.model["layers"] == 2
    assert str(Path.home()) not in (exported.directory / "rmx.json").read_text()


def test_a_model_that_does_not_reproduce_is_not_exported(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The classic fault: with the end token as pad token, transformers pools one token early."""
    monkeypatch.setattr("rmx.export.write.set_pad_token", lambda tokenizer, **_: tokenizer.pad_token_id)
    with pytest.raises(ExportError, match=r"plain transformers.*golden input 1"):
        export(model_named("tiny-random"), "lora", weights_cache, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_that_reads_back_otherwise_is_not_exported(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path: Path
) -> None:
    """For the architecture qwen2 transformers builds Qwen's tokenizer, whatever tokenizer.json holds."""
    shape = {**model_named("tiny-random").shape, "model_type": "qwen2"}
    with pytest.raises(ExportError, match="golden input 3 tokenises otherwise"):
        export(model_named("tiny-random", shape=shape), "lora", weights_cache, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_model_goes_on_training_after_an_export(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path: Path
) -> None:
    first = export(model_named("tiny-random"), "lora", weights_cache, tmp_path / "model", findings=Findings())
    renderer = Renderer(first.built.tokenizer)
    assert first.built.tokenizer.pad_token_id == 2, "the tokenizer in use is not the exported one"
    again = export_model(tmp_path / "model", first.built.reward_model, renderer, Findings(), first.built.facts)
    assert again.golden == first.contract.golden
    assert again.verdict is None
    assert "No gate has judged" in (tmp_path / "model" / "README.md").read_text()
