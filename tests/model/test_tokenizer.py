"""The pad token: never the end of a text, never a new row of the embedding matrix."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmx.config.schema import ModelConfig
from rmx.errors import ModelError
from rmx.model.tokenizer import load_tokenizer, read_tokenizer, set_pad_token


@pytest.fixture
def tokenizer(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Any:
    return load_tokenizer(model_named("tiny-random"), weights_cache)


def test_an_unused_reserved_token_pads(tokenizer: Any) -> None:
    assert tokenizer.pad_token_id == tokenizer.eos_token_id == 2
    pad = set_pad_token(tokenizer, rows=49152, avoid=2)
    assert tokenizer.convert_ids_to_tokens(pad) == "<empty_output>"
    assert len(tokenizer) == 49152
    assert set_pad_token(tokenizer, rows=49152, avoid=2) == pad
    dialogue = [{"role": "user", "content": "1 < 2"}, {"role": "assistant", "content": "<|im_end|> yes"}]
    assert pad not in tokenizer(tokenizer.apply_chat_template(dialogue, tokenize=False))["input_ids"]


def test_a_token_that_the_template_writes_does_not_pad(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% for m in messages %}<empty_output>{{ m.content }}<|im_end|>{% endfor %}"
    assert set_pad_token(tokenizer, rows=49152, avoid=2) not in (1, 2, 16)


def test_a_spare_row_pads_where_every_token_is_taken(tokenizer: Any) -> None:
    taken = "".join(str(token) for token in tokenizer.added_tokens_decoder.values())
    tokenizer.chat_template = "{% for m in messages %}" + taken + "{{ m.content }}{% endfor %}"
    with pytest.raises(ModelError, match="spare row"):
        set_pad_token(tokenizer, rows=49152, avoid=2)
    assert set_pad_token(tokenizer, rows=49280, avoid=2) == 49152


def test_a_damaged_tokenizer_is_named(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="tokenizer cannot be read") as error:
        read_tokenizer(tmp_path)
    assert "\n" not in str(error.value)


CHAT = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ mode }}"


def another_model(tokenizer: Any, path: Path, template: str | None, **tokens: str) -> Path:
    """A directory with the tokenizer under another template, with further special tokens."""
    other = copy.deepcopy(tokenizer)
    other.add_special_tokens({"additional_special_tokens": list(tokens.values())})
    other.chat_template = template
    other.save_pretrained(path)
    (path / "config.json").write_text('{"model_type": "llama"}')
    return path


def test_values_of_the_templates_variables_are_part_of_it(
    model_named: Callable[..., ModelConfig], weights_cache: Path
) -> None:
    changed = model_named("tiny-random", chat_template=CHAT, template_args={"mode": "quiet", "n": 1})
    loaded = load_tokenizer(changed, weights_cache)
    turns = [{"role": "user", "content": "Hi"}]
    text = loaded.apply_chat_template(turns, tokenize=False, mode="loud")
    assert text == "<|im_start|>user\nHi<|im_end|>\nquiet"


def test_another_models_template_is_taken_where_its_tokens_exist(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path / "own")
    another_model(tokenizer, tmp_path / "other", CHAT)
    before = len(tokenizer)
    taken = read_tokenizer(tmp_path / "own", chat_template=str(tmp_path / "other"))
    assert taken.chat_template == CHAT
    assert len(taken) == before


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<|start_header_id|>{{ messages[0].content }}", r"writes <\|start_header_id\|>, which this tokenizer"),
        ("{{ sep_token }}{{ messages[0].content }}", "writes sep_token"),
        (None, "no chat template"),
    ],
)
def test_a_template_whose_tokens_do_not_exist_here_is_refused(
    tokenizer: Any, tmp_path: Path, template: str | None, words: str
) -> None:
    tokenizer.save_pretrained(tmp_path / "own")
    other = another_model(tokenizer, tmp_path / "other", template, header="<|start_header_id|>")
    with pytest.raises(ModelError, match=words) as error:
        read_tokenizer(tmp_path / "own", chat_template=str(other))
    assert "\n" not in str(error.value)
    assert "model.chat_template" in str(error.value)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "offline"),
        ("templates/none.jinja", "cannot be read"),
        ("none.jinja", "cannot be read"),
        ("/nowhere/at/all", "cannot be read"),
    ],
)
def test_a_template_that_is_nowhere_is_said(tokenizer: Any, tmp_path: Path, named: str, words: str) -> None:
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=words) as error:
        read_tokenizer(tmp_path, chat_template=named)
    assert named in str(error.value)
