"""What proposes the trials of a sweep: the same values for the same seed, number and results, whatever was killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Method", "Point", "Told"]


@dataclass(frozen=True)
class Point:
    """What one trial tries."""

    values: Mapping[str, Any]
    place: Mapping[str, float]
    """Where the values lie in their distributions, each in [0, 1]; empty where the method lists values."""


@dataclass(frozen=True)
class Told:
    """A trial that has ended."""

    point: Point
    value: float | None
    """Its metric; None where it failed."""


class Method(Protocol):
    """One of W&B's methods over a space; built from the space, the seed and the goal."""

    @property
    def size(self) -> int | None:
        """How many trials there are; None where there is no end of them."""

    @property
    def foreseen(self) -> int | None:
        """How many trials depend on no result; None where all are so."""

    def propose(self, number: int, told: Sequence[Told]) -> Point:
        """Return the trial of a number, given those that have ended before."""
