"""Prompts as callers give them: text, or a list of messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.data.expand.adapter import UnusableCell, prompt_turns
from rmx.data.expand.dialogue import answer_text
from rmx.domain import Message, Origin
from rmx.errors import DataError

__all__ = ["as_completion", "as_prompt"]


def as_prompt(row: Mapping[str, Any], column: str, origin: Origin) -> tuple[Message, ...]:
    """Return the turns of a prompt: a text is one user turn, messages are dicts with role and content or `Message`s.

    The tools that it may use stand in the row's field `tools`, a list or its JSON text.

    Raises:
        DataError: It is missing, empty or neither; names file, row and field.
    """
    value = _field(row, column, origin)
    if isinstance(value, list | tuple):
        value = [item._asdict() if isinstance(item, Message) else item for item in value]
    try:
        turns = prompt_turns(origin, {column: value, "tools": row.get("tools")}, column)
    except UnusableCell as error:
        raise DataError(
            f"{origin.file} row {origin.row}: {error}; give text or a list of messages with role and content"
        ) from None
    if not turns:
        raise DataError(f"{origin.file} row {origin.row}: field {column!r} holds no message; give at least one")
    return turns


def as_completion(row: Mapping[str, Any], column: str, origin: Origin) -> str:
    """Return the text of a completion: a text, or the assistant's message, which may call tools.

    Raises:
        DataError: It is missing, no text and no single message of the assistant; names file, row and field.
    """
    _field(row, column, origin)
    try:
        return answer_text(origin, row, column, column)
    except UnusableCell as error:
        raise DataError(f"{origin.file} row {origin.row}: {error}; give the assistant's turn as text") from None


def _field(row: Mapping[str, Any], column: str, origin: Origin) -> Any:
    if column not in row:
        raise DataError(f"{origin.file} row {origin.row}: no field {column!r}; it has {', '.join(map(str, row))}")
    return row[column]
