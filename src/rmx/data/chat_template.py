"""A chat template applied by the tokenizer's own sandbox, under a time limit when it is first tried."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from jinja2 import TemplateError

from rmx.data.comparison import Problem
from rmx.domain import Message
from rmx.errors import DataError, ModelError

__all__ = ["ChatTemplate", "RefusedTextError", "close_template", "time_limit"]

_TIME_LIMIT = 5.0
_TEMPLATE_FRAME = "<template>"
"""What jinja2 calls the source of a template that came from a string."""
_TOKEN_VARIABLE = re.compile(r"\b(?:bos|eos|unk|sep|pad|cls|mask)_token\b")


def close_template(text: str, *, terminal: str, written: str) -> str:
    """Return a template that gives what `text` gives, but ends a dialogue's last answer with the terminal token.

    Args:
        text: Jinja text.
        terminal: Token that shall stand last.
        written: What `text` writes at the end of an answer, the terminal token and all after it; empty where it writes
            no such token, which is then appended.
    """
    end, last = (json.dumps(part, ensure_ascii=False) for part in (written, terminal))
    closed = f"rmx_text[: rmx_text | length - {end} | length] + {last}"
    if written:
        closed = f"({closed} if rmx_text.endswith({end}) else rmx_text + {last})"
    # A newline at the very end of a template is no part of what it writes; within a block it would be.
    return (
        f"{{% set rmx_text %}}{text.removesuffix(chr(10))}{{% endset %}}"
        "{{ rmx_text if add_generation_prompt or messages[-1]['role'] != 'assistant' else " + closed + " }}"
    )


class RefusedTextError(DataError):
    """A dialogue that cannot be rendered: `problem` holds the reason code and a few words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.problem = Problem(reason, detail)


class ChatTemplate:
    """Template text with the tokenizer that applies it.

    The tokenizer runs templates in jinja2's immutable sandbox: they cannot reach Python attributes, files or imports.

    Args:
        tokenizer: a Hugging Face tokenizer.
        text: jinja text in place of the tokenizer's own template.

    Raises:
        ModelError: there is no template.
    """

    def __init__(self, tokenizer: Any, text: str | None = None) -> None:
        self._tokenizer = tokenizer
        try:
            self.text: str = tokenizer.get_chat_template(text)
        except ValueError:
            raise ModelError(
                f"tokenizer {tokenizer.name_or_path or 'of the model'}: has no chat template; "
                "set model.chat_template to jinja text or a .jinja file"
            ) from None

    def apply(self, dialogue: Sequence[Message], *, generation_prompt: bool = False, prelude: str = "") -> str:
        """Return the dialogue as text.

        Args:
            dialogue: at least one message.
            generation_prompt: end with what opens an assistant turn.
            prelude: template text to put before the template's own.

        Raises:
            RefusedTextError: the template raises an error for this dialogue.
        """
        messages = [{"role": m.role, "content": m.content} for m in dialogue]
        try:
            rendered = self._tokenizer.apply_chat_template(
                messages, chat_template=prelude + self.text, tokenize=False, add_generation_prompt=generation_prompt
            )
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [""])[0]
            detail = f"the chat template refuses it ({reason or type(error).__name__})"
            raise RefusedTextError("malformed_dialogue", detail) from None
        return str(rendered)

    @property
    def special_tokens(self) -> dict[str, str]:
        """The tokenizer's special tokens that the template asks for by name."""
        names = set(_TOKEN_VARIABLE.findall(self.text))
        return {name: str(token) for name, token in self._tokenizer.special_tokens_map.items() if name in names}


@contextmanager
def time_limit(seconds: float = _TIME_LIMIT) -> Iterator[None]:
    """Stop a template that loops without end (the sandbox bounds one loop, not loops in loops).

    Compiled templates are Python code, so a trace function can interrupt them, in any thread and on any platform. It
    slows them down: meant for the first trial of a template, not for every text.

    Raises:
        ModelError: a template is still running after that many seconds.
    """
    deadline = time.monotonic() + seconds

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != _TEMPLATE_FRAME:
            return None
        if time.monotonic() > deadline:
            raise ModelError(
                f"the chat template is still rendering a short dialogue after {seconds:g} s; "
                "set model.chat_template to one without endless loops"
            )
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
