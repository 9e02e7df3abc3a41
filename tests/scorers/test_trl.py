"""Models as TRL saves them: full and adapter, both forms of text, and heads that nobody can have again refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig

from rmx.config.schema import ModelConfig
from rmx.domain import Candidate, Message
from rmx.errors import ModelError
from rmx.model.tokenizer import load_tokenizer
from rmx.score_table import candidate_id
from rmx.scorers.kind import Surroundings
from rmx.scorers.registry import build_kind

TEXTS = [("Which is larger, 7 or 12?", "12."), ("Name a colour.", "Blue, I would say, or green."), ("Hi", "Hello")]


@pytest.fixture(scope="module")
def base(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    directory = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=49152,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    AutoModelForCausalLM.from_config(shape).save_pretrained(directory)
    tokenizer = load_tokenizer(model_named("tiny-random"), weights_cache)
    tokenizer.pad_token = tokenizer.eos_token  # as the trainer does where there is none
    tokenizer.save_pretrained(directory)
    return directory


def classifier(base: Path) -> Any:
    torch.manual_seed(1)
    network = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    network.config.pad_token_id = AutoTokenizer.from_pretrained(base).pad_token_id
    return network


def adapted(base: Path, directory: Path, **settings: Any) -> Any:
    """Save an adapter as the trainer does, its weights moved as if trained."""
    torch.manual_seed(2)
    network = get_peft_model(classifier(base), LoraConfig(r=2, **settings))
    with torch.no_grad():
        for _, weight in network.named_parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
    network.save_pretrained(directory)
    AutoTokenizer.from_pretrained(base).save_pretrained(directory)
    return network.eval()


def loaded(directory: Path, **parameters: Any) -> Any:
    around = Surroundings(str(directory), "cpu", 8192, "packed", Path("unused"))
    return build_kind({"kind": "trl", **parameters}, where="scorer.trl").load(around)


def rewards(directory: Path, **parameters: Any) -> tuple[list[float], tuple[str, ...]]:
    scorer = loaded(directory, **parameters)
    turns = [((Message("user", prompt),), completion) for prompt, completion in TEXTS]
    scored = scorer.score_texts([Candidate(candidate_id(*turn), *turn) for turn in turns])
    assert not scored.reasons
    return scored.values.tolist(), scorer.flags


def expected(network: Any, tokenizer: Any, form: str) -> list[float]:
    """Rewards as the trainer computes them, one text at a time."""
    found = []
    for prompt, completion in TEXTS:
        if form == "standard":
            ids = tokenizer(prompt + completion + tokenizer.eos_token)["input_ids"]
        else:
            turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
            ids = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True)["input_ids"]
        with torch.no_grad():
            found.append(float(network(torch.tensor([ids])).logits[0, 0]))
    return found


@pytest.mark.parametrize("form", ["standard", "conversational"])
def test_a_full_model_scores_as_its_trainer_did(form: str, base: Path, tmp_path: Path) -> None:
    network = classifier(base).eval()
    network.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(tmp_path)
    values, flags = rewards(tmp_path, text=form)
    assert values == pytest.approx(expected(network, tokenizer, form), abs=1e-6)
    assert any("scores the token before it" in flag for flag in flags)
    assert any(f"renders {form} rows" in flag for flag in flags)


def test_an_adapter_scores_on_its_base_and_auto_takes_the_chat_template(base: Path, tmp_path: Path) -> None:
    network = adapted(base, tmp_path, target_modules="all-linear", task_type="SEQ_CLS", modules_to_save=["score"])
    values, flags = rewards(tmp_path)
    assert values == pytest.approx(expected(network, AutoTokenizer.from_pretrained(base), "conversational"), abs=1e-6)
    assert any("conversational" in flag for flag in flags)
    plain = expected(classifier(base).eval(), AutoTokenizer.from_pretrained(base), "conversational")
    assert values != pytest.approx(plain, abs=1e-3)


def test_another_training_in_the_same_place_is_another_scorer(base: Path, tmp_path: Path) -> None:
    identities = set()
    for shift in (0.0, 0.1):
        network = classifier(base)
        with torch.no_grad():
            network.score.weight.add_(shift)
        network.save_pretrained(tmp_path)
        AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path)
        identities.add(loaded(tmp_path).identity)
    assert len(identities) == 2
    assert loaded(tmp_path).identity in identities


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_modules": ["q_proj"]}, "it was not trained"),
        ({"target_modules": "all-linear"}, "what was trained is an adapter on it"),
        ({"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}, "it was not trained"),
    ],
)
def test_a_head_that_no_file_holds_is_refused(
    settings: dict[str, Any], message: str, base: Path, tmp_path: Path
) -> None:
    adapted(base, tmp_path, **settings)
    with pytest.raises(ModelError) as error:
        rewards(tmp_path)
    assert f"its head is a random one that no file holds ({message})" in str(error.value)
    assert 'modules_to_save=["score"]' in str(error.value)


def test_an_adapter_on_a_reward_model_uses_the_head_of_its_base(base: Path, tmp_path: Path) -> None:
    trained = tmp_path / "reward"
    classifier(base).save_pretrained(trained)
    AutoTokenizer.from_pretrained(base).save_pretrained(trained)
    network = adapted(trained, tmp_path / "adapter", target_modules=["q_proj"])
    values, _ = rewards(tmp_path / "adapter", text="standard")
    assert values == pytest.approx(expected(network, AutoTokenizer.from_pretrained(base), "standard"), abs=1e-6)


def test_what_lacks_its_base_its_weights_or_its_head_is_one_line(base: Path, tmp_path: Path) -> None:
    adapted(base, tmp_path, target_modules=["q_proj"], modules_to_save=["score"])
    with pytest.raises(ModelError, match=r"no such model directory \(scorer.trl.base\)"):
        rewards(tmp_path, base=str(tmp_path / "nowhere"))
    weights = load_file(tmp_path / "adapter_model.safetensors")
    save_file({k: v[..., :-1].contiguous() for k, v in weights.items()}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="the adapter does not fit its base"):
        rewards(tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        rewards(tmp_path)
    with pytest.raises(ModelError, match=r"a reward model needs its trained head|labels"):
        rewards(base)


def test_standard_text_has_one_prompt_and_its_end_once(base: Path) -> None:
    from rmx.scorers.trl_text import StandardText

    renderer = StandardText(AutoTokenizer.from_pretrained(base))
    prompt = (Message("user", "Q: "),)
    assert renderer.render(prompt, "A") == f"Q: A{renderer.end}" == renderer.render(prompt, f"A{renderer.end}")
    for turns, completion in (((*prompt, Message("assistant", "x")), "A"), (prompt, f"A{renderer.end}B")):
        with pytest.raises(Exception, match=r"turns|control token"):
            renderer.render(turns, completion)
