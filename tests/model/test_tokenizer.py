"""The pad token: never the end of a text, never a new row of the embedding matrix."""

from __future__ import annotations

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
