"""A chat template applied by the tokenizer's own sandbox, under a time limit when it is first tried."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import FrameType
from typing import Any

from jinja2 import TemplateError

from rmx.data.comparison import Problem
from rmx.data.template_text import token_variables
from rmx.data.turns import split_tools, unpack
from rmx.domain import Message
from rmx.errors import DataError, ModelError

__all__ = ["ChatTemplate", "RefusedTextError", "time_limit"]

_TIME_LIMIT = 5.0
_TEMPLATE_FRAME = "<template>"
"""What jinja2 calls the source of a template that came from a string."""
_TOOL, _ARGUMENT = "zq_tool", "zq_argument"
_ASKED = {"role": "user", "content": "zq ask"}
_PROBE_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": _TOOL,
        "description": "zq",
        "parameters": {
            "type": "object",
            "properties": {"q": {"type": "string", "description": "zq"}},
            "required": ["q"],
        },
    },
}
_PROBE_CALL: dict[str, Any] = {
    "role": "assistant",
    # Some templates want ids of nine letters and digits.
    "tool_calls": [{"id": "zqcall001", "type": "function", "function": {"name": _TOOL, "arguments": {"q": _ARGUMENT}}}],
}


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
            RefusedTextError: the template raises an error for this dialogue, or leaves out its tools or calls.
        """
        try:
            tools, turns = split_tools(dialogue)
            messages = [unpack(turn) for turn in turns]
        except ValueError as error:
            raise RefusedTextError("malformed_dialogue", str(error)) from None
        if tools is not None and not self._writes_tools:
            raise RefusedTextError("malformed_dialogue", "the chat template leaves out the tools of a dialogue")
        for message in messages:
            if "tool_calls" in message:
                if not self._silent_calls:
                    raise RefusedTextError("malformed_dialogue", "the chat template leaves out calls of tools")
                if message["content"] is None:
                    message["content"] = self._silent_calls[0]
        return self._render(messages, tools, generation_prompt=generation_prompt, prelude=prelude)

    @cached_property
    def _writes_tools(self) -> bool:
        """Whether tools reach the text: many templates leave them out without a word."""
        return _TOOL in self._tried([_ASKED], [_PROBE_TOOL])

    @cached_property
    def _silent_calls(self) -> tuple[str | None, ...]:
        """What the content of a call without words may be for its arguments to reach the text: null, or empty.

        Null is what callers write, but some templates look for a text in it. None of both: calls are left out.
        """
        return tuple(
            content
            for content in (None, "")
            if any(
                _ARGUMENT in self._tried([_ASKED, {**_PROBE_CALL, "content": content}], tools)
                for tools in (None, [_PROBE_TOOL])
            )
        )

    def _tried(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> str:
        try:
            with time_limit():
                return self._render(messages, tools)
        except RefusedTextError:
            return ""

    def _render(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        *,
        generation_prompt: bool = False,
        prelude: str = "",
    ) -> str:
        try:
            rendered = self._tokenizer.apply_chat_template(
                messages,
                tools=tools,
                chat_template=prelude + self.text,
                tokenize=False,
                add_generation_prompt=generation_prompt,
            )
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [""])[0]
            detail = f"the chat template refuses it ({reason or type(error).__name__})"
            raise RefusedTextError("malformed_dialogue", detail) from None
        return str(rendered)

    @property
    def special_tokens(self) -> dict[str, str]:
        """The tokenizer's special tokens that the template asks for by name."""
        names = token_variables(self.text)
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
