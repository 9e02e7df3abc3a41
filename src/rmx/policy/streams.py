"""The random numbers of one completion: a function of the seed, the prompt's id and the completion's place alone."""

from __future__ import annotations

from typing import NamedTuple

import xxhash

from rmx.data.text import unit_interval

__all__ = ["Stream"]

_BELOW_ONE = 1 - 2.0**-53


class Stream(NamedTuple):
    """What a completion is drawn with, whatever is drawn beside it and in whatever order."""

    seed: int
    prompt: str
    """Id of the prompt."""
    place: int
    """Number of the completion among those of its prompt, from 0."""

    def uniform(self, step: int) -> float:
        """Return the number in [0, 1) that decides on token `step`, counted from 0."""
        return min(unit_interval(f"{self.place}\0{step}\0{self.prompt}", f"sample {self.seed}"), _BELOW_ONE)

    @property
    def number(self) -> int:
        """A seed of 31 bits, for samplers that draw with a generator of their own."""
        text = f"sample {self.seed}\0{self.place}\0{self.prompt}"
        return xxhash.xxh3_64_intdigest(text.encode()) >> 33
