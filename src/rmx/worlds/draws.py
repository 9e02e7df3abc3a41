"""Random draws keyed by what they are for, so that growing a data set never changes its older rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Draws"]

T = TypeVar("T")


class Draws:
    """Draws that are pure functions of the key and the name of what is drawn.

    Another draw, or a draw left out, changes no other one; the order of drawing does not matter. The numbers are the
    same on every machine and Python version.
    """

    def __init__(self, *key: str | int) -> None:
        self._key = "\x1f".join(map(str, key))

    def at(self, *key: str | int) -> Draws:
        """Return the draws of a part, independent of those of any other part."""
        return Draws(self._key, *key)

    def unit(self, name: str) -> float:
        """Return a number in [0, 1), uniform over keys."""
        digest = hashlib.sha256(f"{self._key}\x1f{name}".encode()).digest()
        return (int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53

    def chance(self, name: str, probability: float) -> bool:
        """Return True with the given probability."""
        return self.unit(name) < probability

    def pick(self, name: str, options: Sequence[T]) -> T:
        """Return one option, all equally likely."""
        return options[int(self.unit(name) * len(options))]

    def weighted(self, name: str, weights: Sequence[float]) -> int:
        """Return an index with probability proportional to its weight."""
        left = self.unit(name) * sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        # Rounding only: the last option that has any weight.
        return max(i for i, weight in enumerate(weights) if weight > 0)

    def sample(self, name: str, options: Sequence[T], count: int) -> list[T]:
        """Return `count` different options in random order."""
        order = sorted(range(len(options)), key=lambda i: self.unit(f"{name}/{i}"))
        return [options[i] for i in order[:count]]
