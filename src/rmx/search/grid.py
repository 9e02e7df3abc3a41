"""Every combination of the listed values, the last key of the file fastest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rmx.errors import ConfigError
from rmx.search.method import Point, Told
from rmx.search.parameter import Space

__all__ = ["Grid"]


class Grid:
    """W&B's `grid`."""

    foreseen = None

    def __init__(self, space: Space, *, seed: int, maximise: bool) -> None:
        """List the values of each key; a grid has no chance and no goal.

        Raises:
            ConfigError: A parameter has no end of values.
        """
        del seed, maximise
        self._values: dict[str, list[Any]] = {}
        for key, distribution in space.items():
            points = distribution.points()
            if points is None:
                raise ConfigError(
                    f"parameters.{key}: a grid needs values, int_uniform or q_uniform, without probabilities; list "
                    "`values`, or take method: random"
                )
            self._values[key] = points

    @property
    def size(self) -> int | None:
        """The product of the numbers of values."""
        return math.prod(len(values) for values in self._values.values())

    def propose(self, number: int, told: Sequence[Told]) -> Point:
        """Return combination `number`."""
        del told
        chosen: dict[str, Any] = {}
        for key, values in reversed(self._values.items()):
            number, index = divmod(number, len(values))
            chosen[key] = values[index]
        return Point({key: chosen[key] for key in self._values}, {})
