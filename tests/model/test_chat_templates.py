"""The chat templates that come with rmx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.data.small_tokenizers import small_tokenizer
from tests.model.shapes import encoder_tokenizer

from rmx.data.lint import lint
from rmx.data.render import Renderer
from rmx.domain import Message
from rmx.errors import ModelError
from rmx.model.tokenizer import read_tokenizer

DIALOGUE = (Message("user", "Hi"), Message("assistant", "Hello."), Message("user", "Bye"))


def read(tokenizer: Any, directory: Path, template: str | None) -> Any:
    tokenizer.chat_template = None
    tokenizer.save_pretrained(directory)
    return read_tokenizer(directory, chat_template=template)


@pytest.mark.parametrize(
    ("bos", "before"),
    [("<|begin|>", "<|begin|>"), ("<|eot_id|>", "")],
    ids=["a BOS token of its own", "the end token as BOS, as GPT-NeoX"],
)
def test_plain(bos: str, before: str, tmp_path: Path) -> None:
    tokenizer = small_tokenizer(None, eos="<|eot_id|>")
    tokenizer.bos_token = bos
    renderer = Renderer(read(tokenizer, tmp_path, "plain"))
    text = renderer.render(DIALOGUE, "See you.")
    assert text == f"{before}User: Hi\n\nAssistant: Hello.\n\nUser: Bye\n\nAssistant: See you.<|eot_id|>"
    assert {finding.code for finding in lint(renderer)} == set()
    store = renderer.encode([(DIALOGUE, "See you."), (DIALOGUE, "Bye.")])
    for i, answer in enumerate(("See you.", "Bye.")):
        assert store.ids(i).tolist() == renderer.token_ids([renderer.render(DIALOGUE, answer)])[0]


def test_encoder(tmp_path: Path) -> None:
    renderer = Renderer(read(encoder_tokenizer(), tmp_path, "encoder"))
    text = renderer.render(DIALOGUE, "See you.")
    assert text == "[CLS]user: Hi[SEP]assistant: Hello.[SEP]user: Bye[SEP]assistant: See you.[SEP]"
    assert {finding.code for finding in lint(renderer)} == set()
    store = renderer.encode([(DIALOGUE, "See you."), (DIALOGUE, "Bye.")])
    for i, answer in enumerate(("See you.", "Bye.")):
        assert store.ids(i).tolist() == renderer.token_ids([renderer.render(DIALOGUE, answer)])[0]
    head = renderer.split_prompt(DIALOGUE).head
    assert head.endswith("Bye[SEP]")
    assert store.prompt_lengths.tolist() == [len(renderer.token_ids([head])[0])] * 2


def test_a_tokenizer_without_a_template_is_told_which_ones_there_are(tmp_path: Path) -> None:
    for name, tokenizer in (("plain", small_tokenizer(None)), ("encoder", encoder_tokenizer())):
        with pytest.raises(ModelError, match=f"set model.chat_template to {name}, which comes with rmx"):
            read(tokenizer, tmp_path / name, None)
