"""What generates: prompts as token ids in, completions as token ids out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from rmx.policy.streams import Stream

__all__ = ["Drawn", "Engine", "Law", "until_end"]


@dataclass(frozen=True, slots=True)
class Law:
    """What completions are drawn from, besides the model: how its probabilities are read, and where a draw stops."""

    temperature: float
    top_p: float
    max_new_tokens: int
    """A completion that has not ended by then is cut there, and says so."""
    ends: tuple[int, ...]
    """Tokens that end a completion."""
    banned: tuple[int, ...]
    """Tokens that are never drawn: those that steer a chat and end nothing. A completion is text."""


class Drawn(NamedTuple):
    """One completion."""

    ids: list[int]
    """Without the token that ended it."""
    finished: bool
    """Whether it ended by itself; else it was cut."""


class Engine(Protocol):
    """A way to run the policy."""

    name: str
    """Package and version: other ones may round, and so draw, otherwise."""

    def draw(self, prompts: Sequence[Sequence[int]], streams: Sequence[Stream]) -> list[Drawn]:
        """Return one completion for each prompt, drawn with the stream of the same number."""
        ...


def until_end(ids: Sequence[int], ends: Sequence[int]) -> Drawn:
    """Return generated ids up to the first that ends them."""
    for place, token in enumerate(ids):
        if token in ends:
            return Drawn(list(ids[:place]), True)
    return Drawn(list(ids), False)
