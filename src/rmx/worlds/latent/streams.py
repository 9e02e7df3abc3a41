"""Arrays of random numbers keyed by what they are for: more prompts, or more slots, leave earlier ones as they were."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Streams"]

Floats = NDArray[np.float64]


class Streams:
    """One stream of numbers per name; its first n are the same whatever else is drawn, and however many."""

    def __init__(self, *key: str | int) -> None:
        self._key = "\x1f".join(map(str, key))

    def at(self, *key: str | int) -> Streams:
        """Return the streams of a part, independent of those of any other part."""
        return Streams(self._key, *key)

    def normal(self, name: str, count: int) -> Floats:
        """Return standard normal numbers, shape (count,)."""
        return self._generator(name).standard_normal(count)

    def uniform(self, name: str, count: int) -> Floats:
        """Return numbers in [0, 1), shape (count,)."""
        return self._generator(name).random(count)

    def chance(self, name: str, count: int, probability: float) -> Floats:
        """Return ones with the given probability and zeros, shape (count,); more chance only adds ones."""
        return (self.uniform(name, count) < probability).astype(np.float64)

    def _generator(self, name: str) -> np.random.Generator:
        digest = hashlib.sha256(f"{self._key}\x1f{name}".encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
