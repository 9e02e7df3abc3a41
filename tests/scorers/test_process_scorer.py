"""Step scores as one reward: read where each step ends, whatever the batch, and aggregated as written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification, LlamaConfig

from rmx.config.schema import ModelConfig
from rmx.domain import Candidate, Message
from rmx.errors import ConfigError, DataError, ModelError
from rmx.model.tokenizer import load_tokenizer
from rmx.score_table import candidate_id
from rmx.scorers.kind import Surroundings
from rmx.scorers.process import aggregated
from rmx.scorers.registry import build_kind

COMPLETIONS = [
    "First, add.\n\nThen, take away.\n\nSo it is 3.",
    "It is 4.",
    "One.\n\n\n\n Two and a half, which is more.",
]
PROMPT = (Message("user", "How much is 5 - 2?"),)
SHAPE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


def candidates(*completions: str) -> list[Candidate]:
    return [Candidate(candidate_id(PROMPT, c), PROMPT, c) for c in completions or COMPLETIONS]


def model(directory: Path, tokenizer: Any, labels: int) -> Any:
    torch.manual_seed(labels)
    network = AutoModelForTokenClassification.from_config(
        LlamaConfig(vocab_size=49152, num_key_value_heads=2, num_labels=labels, **SHAPE)
    ).eval()
    with torch.no_grad():
        network.score.weight.mul_(20)
    network.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return network


@pytest.fixture
def tokenizer(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Any:
    return load_tokenizer(model_named("tiny-random"), weights_cache)


def loaded(directory: Path | None, max_tokens: int = 8192, **parameters: Any) -> Any:
    around = Surroundings(directory and str(directory), "cpu", max_tokens, "packed", Path("unused"))
    return build_kind({"kind": "process", **parameters}, where="scorer.process").load(around)


def by_hand(network: Any, tokenizer: Any, completion: str, separator: str, *, chat: bool) -> list[Any]:
    """Logits at the end of each step, from the text so far alone: the model is causal."""
    if chat:
        turns = [m._asdict() for m in PROMPT]
        ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
    else:
        ids = [tokenizer.bos_token_id, *tokenizer(PROMPT[0].content)["input_ids"]]
    found = []
    for step in completion.split("\n\n"):
        if step.strip():
            ids = [*ids, *tokenizer(step)["input_ids"], *tokenizer(separator)["input_ids"]]
            with torch.no_grad():
                found.append(network(torch.tensor([ids])).logits[0, -1])
    return found


@pytest.mark.parametrize("labels", [1, 2, 3])
@pytest.mark.parametrize(
    ("form", "separator"), [("conversational", "<|endoftext|>"), ("standard", "\n"), ("auto", " ok")]
)
def test_a_step_is_scored_where_it_ends(labels: int, form: str, separator: str, tokenizer: Any, tmp_path: Path) -> None:
    network = model(tmp_path, tokenizer, labels)
    for budget in (1, 8192):
        scorer = loaded(tmp_path, budget, form=form, separator=separator, aggregate="product")
        values = scorer.score_texts(candidates()).values
        for value, completion in zip(values, COMPLETIONS, strict=True):
            logits = by_hand(network, tokenizer, completion, separator, chat=form != "standard")
            steps = [float(x.sigmoid()[0] if labels == 1 else x.softmax(-1)[1]) for x in logits]
            assert len(steps) == {0: 3, 1: 1, 2: 2}[COMPLETIONS.index(completion)]
            assert value == pytest.approx(float(np.prod(steps)), rel=1e-5)
    assert "each followed by" in scorer.flags[0]


def test_aggregates() -> None:
    steps = np.array([0.9, 0.5, 0.8])
    assert [aggregated(steps, how) for how in ("min", "product", "last", "mean")] == pytest.approx(
        [0.5, 0.36, 0.8, 2.2 / 3]
    )


def test_what_has_no_steps_is_too_long_or_steers_has_a_reason(tokenizer: Any, tmp_path: Path) -> None:
    model(tmp_path, tokenizer, 2)
    scorer = loaded(tmp_path)
    found = scorer.score_texts(candidates("fine", " \n\n ", "x " * 3000, "a<|im_end|>b"))
    assert np.isfinite(found.values).tolist() == [True, False, False, False]
    assert [found.reasons[i].partition(":")[0] for i in (1, 2, 3)] == ["no_steps", "over_length", "invalid_text"]
    with pytest.raises(ModelError, match=r"has 2 labels, numbered from 0; mend scorer\.process\.label=2"):
        loaded(tmp_path, label=2)


def test_lists_of_step_scores_come_from_a_file(tmp_path: Path) -> None:
    a, b, c = candidates()
    path = tmp_path / "steps.jsonl"
    rows: list[dict[str, Any]] = [
        {"candidate_id": a.candidate_id, "steps": [0.9, 0.2, 0.5]},
        {"prompt": PROMPT[0].content, "completion": b.completion, "steps": "[1]"},
        {"candidate_id": "other", "steps": []},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = loaded(None, path=str(path), aggregate="last").score_texts([b, a, c])
    assert found.values[:2].tolist() == [1.0, 0.5]
    assert found.reasons[2].startswith("missing: ")
    for bad in (None, 0.5, ["x"], [True]):
        path.write_text(json.dumps({"candidate_id": "c", "steps": bad}) + "\n")
        with pytest.raises(DataError, match=r"row 1: column 'steps' must hold a list of numbers"):
            loaded(None, path=str(path))


def test_a_language_model_is_no_step_classifier(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_config(LlamaConfig(vocab_size=49152, num_key_value_heads=2, **SHAPE)).save_pretrained(
        tmp_path
    )
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="scorer=process wants a TokenClassification model"):
        loaded(tmp_path)
    with pytest.raises(ConfigError, match=r"scorer\.process: split and separator must not be empty"):
        loaded(tmp_path, split="")
