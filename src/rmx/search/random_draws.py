"""Independent draws; those of a trial depend on the seed and its number alone."""

from __future__ import annotations

from collections.abc import Sequence

from rmx.search.method import Point, Told
from rmx.search.parameter import Space

__all__ = ["RandomDraws"]


class RandomDraws:
    """W&B's `random`."""

    size = None
    foreseen = None

    def __init__(self, space: Space, *, seed: int, maximise: bool = True) -> None:
        """Keep what to draw from; chance has no goal."""
        del maximise
        self._space, self._seed = space, seed

    def propose(self, number: int, told: Sequence[Told] = ()) -> Point:
        """Return draw `number`."""
        import numpy as np

        del told
        uniform = np.random.default_rng([self._seed, number]).random(len(self._space)).tolist()
        place = dict(zip(self._space, uniform, strict=True))
        return Point({key: self._space[key].at(u) for key, u in place.items()}, place)
