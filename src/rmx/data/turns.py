"""Turns that are more than text: calls of tools, a tool's answer with its name, given token ids, declared tools.

A turn is its role and one text, in every file, hash and table (ADR 18). Where the data give more, that text is
`<|rmx_turn|>` and a JSON object: `{"content": ..., "tool_calls": [...]}` of the assistant's, `{"content": ...,
"name": ..., "tool_call_id": ...}` of a tool's, `{"content": ..., "token_ids": {...}}` of what is tokenised already
(ADR 19). The tools that a dialogue may use are its first turn, of role `tools`, a JSON list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rmx.domain import Message

__all__ = [
    "MARK",
    "MORE",
    "TOOLS",
    "given_ids",
    "pack",
    "packed",
    "readable",
    "said",
    "split_tools",
    "strings",
    "tools_turn",
    "unpack",
]

MARK = "<|rmx_turn|>"
TOOLS = "tools"
MORE: Mapping[str, tuple[str, ...]] = {"assistant": ("tool_calls",), "tool": ("name", "tool_call_id")}
"""What a turn may have besides its content, by role, in the words of messages."""


def pack(content: str | None, more: Mapping[str, Any]) -> str:
    """Return the one text of a turn: its content, or content and what it has besides as JSON.

    Keys keep their order: a template writes the arguments of a call in the order in which they are given.
    """
    if not more:
        return content or ""
    return MARK + _json({"content": content, **more})


def packed(text: str) -> bool:
    """Return whether a turn's text says that it is more than text."""
    return text.startswith(MARK)


def unpack(message: Message) -> dict[str, Any]:
    """Return a turn as chat templates take it: role, content, and what it has besides.

    Raises:
        ValueError: the text begins as one of `pack` does, and is none for this role.
    """
    role, text = message
    if not packed(text):
        return {"role": role, "content": text}
    fields = _fields(text)
    if fields is None or not {"content"} <= fields.keys() <= {"content", *MORE.get(role, ())}:
        raise ValueError(f"what follows {MARK} is no turn of role {role} that a chat template takes")
    return {"role": role, **fields}


def given_ids(text: str) -> tuple[str, list[int]] | None:
    """Return the tokenizer's fingerprint and the ids of a turn that is given as token ids; None of any other."""
    fields = _fields(text)
    if fields is None or "token_ids" not in fields:
        return None
    return fields["token_ids"]["tokenizer"], fields["token_ids"]["ids"]


def said(text: str) -> str:
    """Return what rules, groups and audits read of a turn: its text; of token ids, what they decode to."""
    fields = _fields(text)
    return text if fields is None or "token_ids" not in fields else str(fields["content"])


def tools_turn(tools: Sequence[Mapping[str, Any]]) -> Message:
    """Return the turn that declares the tools of a dialogue."""
    return Message(TOOLS, _json(tools))


def split_tools(dialogue: Sequence[Message]) -> tuple[list[dict[str, Any]] | None, Sequence[Message]]:
    """Return the declared tools, None where there are none, and the other turns.

    Raises:
        ValueError: the declaration is no list of objects.
    """
    if not dialogue or dialogue[0].role != TOOLS:
        return None, dialogue
    tools = json.loads(dialogue[0].content)
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError("the turn of role tools is no JSON list of objects")
    return tools, dialogue[1:]


def strings(message: Message) -> Iterator[str]:
    """Yield every text that a template could write of a turn."""
    yield message.role
    if message.role != TOOLS and not packed(message.content):
        yield message.content
        return
    try:
        value = json.loads(message.content.removeprefix(MARK))
    except ValueError:
        yield message.content
    else:
        yield from _strings(value)


def readable(text: str) -> str:
    """Return a turn's text for people and judges: JSON without its mark where it calls tools or answers a call."""
    return said(text).removeprefix(MARK)


def _fields(text: str) -> dict[str, Any] | None:
    if not packed(text):
        return None
    try:
        fields = json.loads(text.removeprefix(MARK))
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _json(value: Any) -> str:
    # Columnar files have dates among their values, JSON has none.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
