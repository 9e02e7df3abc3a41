"""The gold reward of any text, read from its words."""

from __future__ import annotations

from rmx.worlds.access_desk.answer import read_answer
from rmx.worlds.access_desk.request import read_request

__all__ = ["access_desk_gold"]


def access_desk_gold(prompt: str, completion: str) -> float | None:
    """Return the gold reward of a completion; None where the prompt or the completion cannot be read.

    Independent of how the text came about: edits that change no claim leave it as it is.
    """
    request, answer = read_request(prompt), read_answer(completion)
    return None if request is None or answer is None else answer.to(request).gold
