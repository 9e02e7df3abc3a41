"""Kinds `dpo` and `logprob` against plain transformers, on a tiny model with a real tokenizer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from rmx.config.schema import ModelConfig
from rmx.domain import Candidate, Message
from rmx.errors import ConfigError, ModelError
from rmx.model.weights import backbone_location
from rmx.score_table import candidate_id
from rmx.scorers.kind import Surroundings
from rmx.scorers.registry import build_kind

TURNS = [
    ((Message("user", "Which is larger, 7 or 12?"),), "12."),
    ((Message("user", "Which is larger, 7 or 12?"),), "12 is the larger one, by five."),
    ((Message("user", "Name a colour."),), "Blue"),
]
CANDIDATES = [Candidate(candidate_id(*turn), *turn) for turn in TURNS]


@dataclass(frozen=True)
class Models:
    policy: Path
    reference: Path
    adapter: Path
    around: Surroundings


@pytest.fixture(scope="module")
def models(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Models:
    reference = backbone_location(model_named("tiny-random"), weights_cache).path
    root = tmp_path_factory.mktemp("policies")
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_pretrained(reference)
    tokenizer = AutoTokenizer.from_pretrained(reference)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    network.save_pretrained(root / "policy")
    tokenizer.save_pretrained(root / "policy")
    lora = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(reference), lora).save_pretrained(root / "adapter")
    return Models(
        root / "policy", reference, root / "adapter", Surroundings(None, "cpu", 8192, "packed", weights_cache)
    )


def scores(models: Models, kind: str, **parameters: Any) -> list[float]:
    node = {"kind": kind, **{k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}}
    reward = build_kind(node, where=f"scorer.{kind}").load(models.around)
    scored = reward.score_texts(CANDIDATES)
    assert not scored.reasons
    return scored.values.tolist()


def plain(network: Any, tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Σ log π and tokens of each completion: what the chat template writes after the opened assistant turn."""
    sums, counts = [], []
    for prompt, completion in TURNS:
        turns = [{"role": m.role, "content": m.content} for m in prompt]
        opened = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        begins = len(tokenizer(opened, add_special_tokens=False)["input_ids"])
        text = opened + completion + "<|im_end|>"
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"][0]
        with torch.no_grad():
            each = network(ids[None]).logits[0, :-1].log_softmax(-1).gather(1, ids[1:, None])
        sums.append(float(each[begins - 1 :].sum()))
        counts.append(len(ids) - begins)
    return np.array(sums), np.array(counts)


def test_each_normalisation_is_what_plain_transformers_gives(models: Models) -> None:
    tokenizer = AutoTokenizer.from_pretrained(models.policy)
    mine, counts = plain(AutoModelForCausalLM.from_pretrained(models.policy).eval(), tokenizer)
    base, _ = plain(AutoModelForCausalLM.from_pretrained(models.reference).eval(), tokenizer)
    both = {"policy": models.policy, "reference": models.reference, "beta": 0.5}
    near = {"abs": 1e-4, "rel": 1e-5}
    assert scores(models, "dpo", **both) == pytest.approx(0.5 * (mine - base), **near)
    assert scores(models, "dpo", **both, normalise="per_token") == pytest.approx(0.5 * (mine - base) / counts, **near)
    free = {"policy": models.policy, "normalise": "reference_free"}
    assert scores(models, "dpo", **free) == pytest.approx(0.1 * mine, **near)
    assert scores(models, "logprob", policy=models.policy) == pytest.approx(mine, **near)
    assert scores(models, "logprob", policy=models.policy, per_token=True) == pytest.approx(mine / counts, **near)


def test_an_adapter_is_compared_with_its_own_base(models: Models) -> None:
    tokenizer = AutoTokenizer.from_pretrained(models.reference)
    base = AutoModelForCausalLM.from_pretrained(models.reference).eval()
    expected = -plain(base, tokenizer)[0]
    expected += plain(PeftModel.from_pretrained(base, str(models.adapter)).eval(), tokenizer)[0]
    found = scores(models, "dpo", policy=models.adapter, beta=1.0)
    assert found == pytest.approx(expected, abs=1e-3, rel=1e-5)
    assert found == pytest.approx(
        scores(models, "dpo", policy=models.adapter, reference=models.reference, beta=1.0), abs=1e-4
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"normalise": "mean"}, "scorer.dpo.normalise: 'mean' is not valid; valid: summed, per_token, reference_free"),
        ({"beta": 0.0}, "scorer.dpo.beta: 0.0 is out of range; give above 0"),
        ({"normalise": "reference_free", "reference": "x"}, "scorer.dpo.reference: normalise=reference_free does not"),
        ({}, "scorer.dpo.reference: missing value"),
    ],
)
def test_nonsense_is_named(parameters: dict[str, Any], message: str, models: Models) -> None:
    with pytest.raises(ConfigError) as caught:
        scores(models, "dpo", policy=models.policy, **parameters)
    assert str(caught.value).startswith(message)


def test_a_reference_of_another_vocabulary_is_refused(models: Models, tmp_path: Path) -> None:
    other = AutoTokenizer.from_pretrained(models.reference)
    other.add_tokens(["zzzz"])
    AutoModelForCausalLM.from_pretrained(models.reference).save_pretrained(tmp_path)
    other.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="knows 'zzzz' as None"):
        scores(models, "dpo", policy=models.policy, reference=tmp_path)


def test_another_training_in_the_same_place_is_another_scorer(models: Models, tmp_path: Path) -> None:
    place = shutil.copytree(models.policy, tmp_path / "policy")
    kind = build_kind({"kind": "logprob", "policy": str(place)}, where="scorer.logprob")
    first: Any = kind.load(models.around)
    network = AutoModelForCausalLM.from_pretrained(place)
    with torch.no_grad():
        network.model.norm.weight += 0.1
    network.save_pretrained(place)
    second: Any = kind.load(models.around)
    assert second.identity != first.identity
