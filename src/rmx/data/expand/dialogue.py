"""What cells say of a dialogue: prompts, answers, lists of messages, and the tools that it may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.data.comparison import Dialogue
from rmx.data.expand.cells import UnusableCell, cell, has_cell, optional_cell
from rmx.data.expand.message import declared_tools, json_of, turn
from rmx.data.turns import TOOLS
from rmx.domain import Message, Origin

__all__ = [
    "ROLES",
    "answer",
    "answer_text",
    "answer_turn",
    "has_messages",
    "messages",
    "prompt_turns",
    "text_field",
    "texts_field",
    "with_tools",
]

ROLES = ("system", "user", "assistant", "tool")


def text_field(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> str:
    """Return a text of the row.

    Raises:
        DataError: there is no such column.
        UnusableCell: it does not hold text.
    """
    value = cell(origin, row, column, part)
    if not isinstance(value, str):
        raise UnusableCell("invalid_text", f"column {column!r} holds {_kind(value)}, not text")
    return value


def texts_field(
    origin: Origin, row: Mapping[str, Any], column: str, part: str | None = None, *, length: int | None = None
) -> tuple[str, ...]:
    """Return a list of answers of the row, at least one, or so many; an answer is a text or a message.

    Raises:
        DataError: there is no such column.
        UnusableCell: it holds something else.
    """
    value = cell(origin, row, column, part or column)
    items = tuple(value) if isinstance(value, list | tuple) else ()
    if not items or len(items) != (length or len(items)) or not all(isinstance(x, str | Mapping) for x in items):
        raise UnusableCell("invalid_text", f"column {column!r} needs a list of {f'{length} ' if length else ''}texts")
    return tuple(answer_turn(item, k, column).content for k, item in enumerate(items, start=1))


def prompt_turns(
    origin: Origin,
    row: Mapping[str, Any],
    column: str | list[str] | None,
    system: str | None = None,
    tools: str | None = "tools",
) -> Dialogue:
    """Return an explicit prompt: a text, several texts joined by an empty line, or a list of messages.

    Args:
        origin: of the row, for messages.
        row: its columns.
        column: of the prompt; several are joined by an empty line.
        system: column of the text of a system turn.
        tools: column of the tools that the dialogue may use, where the row has it.
    """
    turns: Dialogue
    if isinstance(column, str) and has_messages(row, column):
        turns = messages(origin, row, column, "prompt")
    else:
        names = [column] if isinstance(column, str) else list(column or [])
        texts = [text_field(origin, row, name, "prompt") for name in names]
        turns = (Message("user", "\n\n".join(t for t in texts if t.strip()) if len(texts) > 1 else texts[0]),)
    if system is not None and optional_cell(row, system) not in (None, ""):
        turns = (Message("system", text_field(origin, row, system, "system")), *turns)
    return with_tools(row, tools, turns)


def answer(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> Dialogue:
    """Return what stands on one side: a text or a message is the assistant's turn, a list of messages its turns."""
    if has_messages(row, column):
        return messages(origin, row, column, part)
    value = cell(origin, row, column, part)
    if isinstance(value, Mapping):
        return (answer_turn(value, 1, column),)
    return (Message("assistant", text_field(origin, row, column, part)),)


def answer_turn(item: str | Mapping[str, Any], number: int, column: str) -> Message:
    """Return the assistant's turn that a text or a single message is; what calls tools may leave out its role."""
    if isinstance(item, str):
        return Message("assistant", item)
    found = turn({"role": "assistant", **item}, number, column)
    if found.role != "assistant":
        raise UnusableCell("malformed_dialogue", f"message {number} of column {column!r} is the {found.role}'s")
    return found


def answer_text(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> str:
    """Return the one text of an answer that is a single turn of the assistant."""
    turns = answer(origin, row, column, part)
    if len(turns) != 1 or turns[0].role != "assistant":
        raise UnusableCell("malformed_dialogue", f"column {column!r} needs one turn of the assistant")
    return turns[0].content


def has_messages(row: Mapping[str, Any], column: str) -> bool:
    """Return whether a column holds a list of messages, or the JSON text of one."""
    return has_cell(row, column) and isinstance(_unquoted(optional_cell(row, column)), list | tuple)


def messages(origin: Origin, row: Mapping[str, Any], column: str, part: str) -> Dialogue:
    """Return a list of messages as turns; unknown roles are left for the rule to find."""
    return tuple(turn(item, k, column) for k, item in enumerate(_unquoted(cell(origin, row, column, part)), start=1))


def with_tools(row: Mapping[str, Any], column: str | None, turns: Dialogue) -> Dialogue:
    """Return a dialogue that opens with the tools of the row, where it has some; a list of them, or its JSON text."""
    value = None if column is None else json_of(optional_cell(row, column))
    if isinstance(value, str) and value.strip():
        raise UnusableCell("malformed_dialogue", f"column {column!r} holds text that is no JSON")
    if not value or (turns and turns[0].role == TOOLS):
        return turns
    return (declared_tools(value, f"column {column!r}"), *turns)


def _unquoted(value: Any) -> Any:
    """Return the messages of a JSON text that is a list of them; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    read = json_of(value)
    is_messages = isinstance(read, list) and read and all(isinstance(x, dict) and "role" in x for x in read)
    return read if is_messages else value


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
