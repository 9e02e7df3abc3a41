"""The gold reward of any text, read from its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.worlds.access_desk.answer import read_answer
from rmx.worlds.access_desk.params import read_params
from rmx.worlds.access_desk.request import read_request

__all__ = ["access_desk_gold"]


def access_desk_gold(prompt: str, completion: str, parameters: Mapping[str, Any] | None = None) -> float | None:
    """Return the gold reward of a completion; None where the prompt or the completion cannot be read.

    Independent of how the text came about: edits that change no claim leave it as it is.

    Args:
        prompt: A request.
        completion: An answer, the exploit phrase included.
        parameters: Those of the world; they say what the exploit phrase costs, nothing if not given.

    Raises:
        ConfigError: parameters that are unknown, of the wrong type or out of range.
    """
    loss = read_params(parameters).exploit_loss if parameters else 0.0
    request, answer = read_request(prompt), read_answer(completion)
    return None if request is None or answer is None else answer.to(request).gold(loss)
