"""Loading a reward: under its contract, refused when that is broken, foreign models with what is not known of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

import rmx
from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data.render import Renderer
from rmx.domain import Candidate, Message
from rmx.errors import DataError, ExportError, ModelError
from rmx.export import Findings, export_model
from rmx.model import BuiltModel, Contract, build_reward_model
from rmx.scorers.foreign import float32_head
from rmx.scorers.kind import Surroundings
from rmx.scorers.registry import build_kind
from rmx.scorers.reward_model import RewardModelScorer, load_reward

PROMPTS: list[Any] = [
    "Which is larger, 7 or 12?",
    [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Bye"}],
    (Message("system", "Be brief."), Message("user", "Name a colour.")),
    "Which is larger, 7 or 12?",
]
COMPLETIONS = ["12.", "Goodbye, see you soon!", "Blue", "Seven is larger than twelve, I think. " * 8]


@pytest.fixture(scope="module")
def built(model_named: Callable[..., ModelConfig], weights_cache: Path) -> BuiltModel:
    adapter = AdapterConfig(kind="lora", r=4)
    return build_reward_model(model_named("tiny-random"), adapter, layout="packed", seed=0, cache=weights_cache)


@pytest.fixture(scope="module")
def original(built: BuiltModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    export_model(run / "model", built.reward_model, Renderer(built.tokenizer), Findings(), built.facts)
    return run / "model"


@pytest.fixture
def export(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "model"))


def foreign(export: Path) -> Path:
    """Make an export somebody else's model: no contract, and the template as it was published."""
    (export / "rmx.json").unlink()
    template = export / "chat_template.jinja"
    published = re.fullmatch(r"{% set rmx_text %}(.*){% endset %}.*", template.read_text(), re.DOTALL)
    assert published is not None
    template.write_text(published[1])
    return export


def plain_batches(tokenizer: Any, prompts: list[Any], completions: list[str]) -> Iterator[Any]:
    """Yield each dialogue as transformers alone tokenises it."""
    for prompt, completion in zip(prompts, completions, strict=True):
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        turns = [t._asdict() if isinstance(t, Message) else t for t in turns]
        text = tokenizer.apply_chat_template([*turns, {"role": "assistant", "content": completion}], tokenize=False)
        yield tokenizer(text.rstrip("\n"), add_special_tokens=False, return_tensors="pt")


def plain_rewards(directory: Path, prompts: list[Any], completions: list[str]) -> list[float]:
    """Rewards by transformers alone, one text at a time."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    network = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    rewards = []
    for batch in plain_batches(tokenizer, prompts, completions):
        with torch.no_grad():
            rewards.append(float(network(**batch).logits[0, 0]))
    return rewards


def refusal(directory: Path, kind: type[Exception] = ExportError) -> str:
    with pytest.raises(kind) as error:
        load_reward(directory)
    assert "\n" not in str(error.value)
    assert str(directory) in str(error.value)
    return str(error.value)


def test_scores_are_those_of_plain_transformers_whatever_the_batch(original: Path) -> None:
    expected = plain_rewards(original, PROMPTS, COMPLETIONS)
    for budget in (1, 8192):
        reward = rmx.load(original, max_tokens=budget)
        scores = reward.score(PROMPTS, COMPLETIONS)
        assert scores.dtype == np.float32
        assert scores.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert reward.flags == ()
    assert rmx.load(original.parent).score(PROMPTS[:1], COMPLETIONS[:1]).tolist() == pytest.approx(expected[:1])
    scorer = RewardModelScorer(reward)
    candidates = [
        Candidate(str(i), (Message("user", p),), c) for i, (p, c) in enumerate(zip("abc", "xyz", strict=True))
    ]
    assert scorer.score(candidates).tolist() == pytest.approx(
        plain_rewards(original, list("abc"), list("xyz")), rel=1e-5
    )
    assert scorer.score(candidates).dtype == np.float64


def test_texts_that_cannot_be_scored_are_named(original: Path) -> None:
    reward = rmx.load(original)
    with pytest.raises(DataError, match=r"text 2 of 2.*control token"):
        reward.score(["a", "b"], ["x", "y<|im_end|>"])
    with pytest.raises(DataError, match=r"row 2.*tokens, the model reads 8,192"):
        reward.score(["a", "b"], ["x", "word " * 9000])
    with pytest.raises(DataError, match=r"row 1: field 'prompt' holds no message"):
        reward.score([[]], ["x"])
    with pytest.raises(DataError, match="text role"):
        reward.score([[{"content": "x"}]], ["x"])
    with pytest.raises(DataError, match="equal length"):
        reward.score(["a"], ["x", "y"])
    long = [Candidate("c1", (Message("user", "a"),), "word " * 9000)]
    with pytest.raises(DataError, match=r"candidate c1.*data\.max_length"):
        RewardModelScorer(reward).score(long)


def edit_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_changed_weights_are_refused(export: Path) -> None:
    tensors = load_file(export / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"] *= 1.05
    save_file(tensors, export / "model.safetensors", metadata={"format": "pt"})
    assert "golden input 1 scores" in refusal(export)


def test_a_changed_template_is_refused(export: Path) -> None:
    template = export / "chat_template.jinja"
    template.write_text(template.read_text().replace("You are a helpful", "You are an unhelpful"))
    assert "template's hash" in refusal(export)


def test_changed_tokens_are_refused(export: Path) -> None:
    file = export / "tokenizer.json"
    state = json.loads(file.read_text())
    state["model"]["merges"] = state["model"]["merges"][:100]
    file.write_text(json.dumps(state))
    assert "tokenises otherwise" in refusal(export)


def test_a_changed_pad_id_is_refused(export: Path) -> None:
    edit_json(export / "config.json", pad_token_id=2)
    assert "pad id is not 16" in refusal(export)


def test_a_damaged_contract_is_refused(export: Path) -> None:
    edit_json(export / "rmx.json", schema=99)
    assert "schema 99" in refusal(export)
    (export / "rmx.json").write_text("{")
    assert "damaged" in refusal(export)


def test_a_lost_head_is_refused(export: Path) -> None:
    tensors = load_file(export / "model.safetensors")
    del tensors["score.weight"]
    save_file(tensors, export / "model.safetensors", metadata={"format": "pt"})
    assert "1 weights are missing, first score.weight" in refusal(export, ModelError)


def test_a_foreign_model_is_scored_by_its_own_forward_and_flagged(export: Path) -> None:
    reward = load_reward(foreign(export))
    assert reward.contract is None
    assert len(reward.flags) == 2, reward.flags
    assert "no rmx.json" in reward.flags[0]
    assert "after the closing token" in reward.flags[1]
    assert reward.score(PROMPTS, COMPLETIONS).tolist() == pytest.approx(
        plain_rewards(export, PROMPTS, COMPLETIONS), rel=1e-5, abs=1e-5
    )


def test_a_foreign_model_that_pools_one_token_early_keeps_its_scores_and_is_flagged(export: Path) -> None:
    honest = load_reward(foreign(export)).score(PROMPTS, COMPLETIONS)
    edit_json(export / "config.json", pad_token_id=2)
    reward = load_reward(export)
    assert any("scores the token before" in flag for flag in reward.flags)
    early = reward.score(PROMPTS, COMPLETIONS)
    assert early.tolist() == pytest.approx(plain_rewards(export, PROMPTS, COMPLETIONS), rel=1e-5, abs=1e-5)
    assert np.abs(early - honest).min() > 1e-4


def test_a_foreign_model_without_a_pad_token_gets_one(export: Path) -> None:
    honest = load_reward(foreign(export)).score(PROMPTS, COMPLETIONS)
    edit_json(export / "config.json", pad_token_id=None)
    reward = load_reward(export)
    assert any("names no pad token" in flag for flag in reward.flags)
    assert reward.score(PROMPTS, COMPLETIONS).tolist() == pytest.approx(honest.tolist(), rel=1e-5, abs=1e-5)


def test_a_classifier_of_two_labels_is_refused(export: Path) -> None:
    edit_json(foreign(export) / "config.json", id2label={"0": "bad", "1": "good"}, label2id={"bad": 0, "good": 1})
    assert "2 labels" in refusal(export, ModelError)


def test_a_run_without_a_model_says_how_to_finish_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    assert "trainer.resume=auto" in refusal(tmp_path, ModelError)
    (tmp_path / "decision.json").write_text("{}")
    assert "give its rm/ or dpo/" in refusal(tmp_path, ModelError)


def test_importing_rmx_imports_no_torch() -> None:
    code = "import sys, rmx; assert callable(rmx.load); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_contract_reads_back(original: Path) -> None:
    contract = Contract.read(original)
    assert contract.pooled_position == "last"
    assert load_reward(original).contract == contract


def in_bfloat16(export: Path, *, scale: float = 1.0) -> None:
    """Store backbone and head in bfloat16, as reward models are published; `scale` the head's rewards."""
    tensors = load_file(export / "model.safetensors")
    tensors["score.weight"] *= scale
    halved = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    save_file(halved, export / "model.safetensors", metadata={"format": "pt"})
    edit_json(export / "config.json", dtype="bfloat16")


def test_a_foreign_head_runs_in_float32_over_a_bfloat16_trunk(export: Path) -> None:
    in_bfloat16(foreign(export), scale=30)
    reward = load_reward(export, max_tokens=1)
    assert len(reward.flags) == 2, reward.flags
    tokenizer = AutoTokenizer.from_pretrained(export)
    network = AutoModelForSequenceClassification.from_pretrained(export).eval()
    assert network.dtype == torch.bfloat16
    expected = []
    for batch in plain_batches(tokenizer, PROMPTS, COMPLETIONS):
        with torch.no_grad():
            hidden = network.model(**batch).last_hidden_state[0, -1]
            expected.append(float(hidden.float() @ network.score.weight[0].float()))
    scores = reward.score(PROMPTS, COMPLETIONS)
    assert scores.tolist() == pytest.approx(expected, rel=1e-5)
    assert np.abs(scores - torch.tensor(scores).bfloat16().float().numpy()).min() > 0, "rounded to bfloat16"


def test_a_foreign_bfloat16_head_that_is_not_known_is_flagged() -> None:
    network = BertForSequenceClassification(
        BertConfig(
            num_labels=1, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9
        )
    )
    assert float32_head(network) == ""
    assert "runs in bfloat16" in float32_head(network.to(torch.bfloat16))
    assert network.classifier.weight.dtype == torch.bfloat16


def judged(kind: str, directory: Path, **parameters: Any) -> Any:
    around = Surroundings(str(directory), "cpu", 8192, "packed", Path("unused"))
    return build_kind({"kind": kind, **parameters}, where=f"scorer.{kind}").load(around)


def test_kind_rmx_wants_a_contract_and_hf_takes_anything_as_foreign(export: Path) -> None:
    own, other = judged("rmx", export), judged("hf", export)
    assert own.contract is not None
    assert own.flags == ()
    assert other.contract is None
    assert other.flags[0].startswith("no rmx.json")
    for scorer in (own, other):
        assert scorer.score(PROMPTS, COMPLETIONS) == pytest.approx(
            plain_rewards(export, PROMPTS, COMPLETIONS), rel=1e-5, abs=1e-5
        )
    assert other.identity == judged("hf", export).identity != judged("hf", export, terminal="<|endoftext|>").identity
    with pytest.raises(ModelError, match="so it is no export of rmx"):
        judged("rmx", foreign(export))


OWN_CODE = """
from transformers import LlamaForSequenceClassification


class MeanPooled(LlamaForSequenceClassification):
    def forward(self, input_ids=None, attention_mask=None, **kwargs):
        from transformers.modeling_outputs import SequenceClassifierOutputWithPast

        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None].to(hidden.dtype)
        return SequenceClassifierOutputWithPast(logits=self.score((hidden * mask).sum(1) / mask.sum(1)))
"""


def test_code_that_comes_with_a_model_runs_only_where_it_is_trusted(
    export: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    directory = foreign(export)
    (directory / "pooling.py").write_text(OWN_CODE)
    edit_json(directory / "config.json", auto_map={"AutoModelForSequenceClassification": "pooling.MeanPooled"})
    with pytest.raises(ModelError, match="asks to run code that comes with the weights"):
        judged("hf", directory)
    scorer = judged("hf", directory, trust_remote_code=True)
    assert any("its own code runs (MeanPooled): what it pools" in flag for flag in scorer.flags)
    plain = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    (batch,) = plain_batches(AutoTokenizer.from_pretrained(directory), PROMPTS[:1], COMPLETIONS[:1])
    with torch.no_grad():
        pooled = plain.score(plain.model(**batch).last_hidden_state.mean(1))
    assert scorer.score(PROMPTS[:1], COMPLETIONS[:1])[0] == pytest.approx(float(pooled), rel=1e-5)
