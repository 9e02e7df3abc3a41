"""One message as published, and what it becomes: a turn with its calls of tools, a tool's answer, declared tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rmx.data.expand.cells import UnusableCell
from rmx.data.turns import MORE, TOOLS, pack, tools_turn
from rmx.domain import Message

__all__ = ["declared_tools", "json_of", "turn"]


def turn(item: Any, number: int, column: str) -> Message:
    """Return a message as a turn, with the calls of an assistant's and the name and call id of a tool's."""
    where = f"message {number} of column {column!r}"
    role = item.get("role") if isinstance(item, Mapping) else None
    if not isinstance(role, str):
        raise UnusableCell("malformed_dialogue", f"{where} needs a text role and a text content")
    if role == TOOLS:
        return declared_tools(json_of(item.get("content")), where)
    more = {key: item[key] for key in MORE.get(role, ()) if item.get(key) not in (None, [])}
    if "tool_calls" in more:
        more["tool_calls"] = _calls(more["tool_calls"], where)
    content = item.get("content")
    if isinstance(content, list | tuple):
        content = _parts(content, where)
    if not isinstance(content, str) and not (content is None and "tool_calls" in more):
        raise UnusableCell("malformed_dialogue", f"{where} needs a text role and a text content")
    return Message(role, pack(content, more))


def _parts(parts: list[Any] | tuple[Any, ...], where: str) -> str:
    """Return the text of content that is given in parts."""
    texts = [part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise UnusableCell("malformed_dialogue", f"{where} has a part that is no text")
    return "".join(map(str, texts))


def _calls(value: Any, where: str) -> list[dict[str, Any]]:
    """Return calls in the form of OpenAI, arguments as a mapping.

    Arguments that are JSON text of a mapping become it; other text stays as it is, what a model wrote may be no JSON.
    """
    calls = []
    for item in value if isinstance(value, list | tuple) else [value]:
        function = item.get("function", item) if isinstance(item, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
            raise UnusableCell("malformed_dialogue", f"{where} has a tool call without a name")
        arguments = function.get("arguments")
        read = json_of(arguments)
        if isinstance(read, Mapping):
            arguments = read if isinstance(arguments, str) else _without_null(read)
        elif arguments is None:
            arguments = {}
        elif not isinstance(arguments, str):
            raise UnusableCell(
                "malformed_dialogue", f"{where} calls {function['name']} with arguments that are no mapping"
            )
        identity = {"id": item["id"]} if isinstance(item.get("id"), str) and item["id"] else {}
        calls.append({**identity, "type": "function", "function": {"name": function["name"], "arguments": arguments}})
    return calls


def declared_tools(value: Any, where: str) -> Message:
    """Return the turn that declares a list of tools."""
    if not isinstance(value, list | tuple) or not all(isinstance(tool, Mapping) for tool in value):
        raise UnusableCell("malformed_dialogue", f"{where} needs a list of tools, each an object")
    return tools_turn(_without_null(list(value)))


def _without_null(value: Any) -> Any:
    """Return nested values without the keys that hold null: columnar files fill up with null what a row lacks."""
    if isinstance(value, Mapping):
        return {key: _without_null(inner) for key, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list | tuple) else value


def json_of(value: Any) -> Any:
    """Return what a JSON text says; anything else, and text that is no JSON, as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
