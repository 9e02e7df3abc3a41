"""The scorer that prefers the shorter completion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmx.domain import Candidate
from rmx.scorers.longer import Longer

__all__ = ["Shorter"]


class Shorter:
    """The reward is the negative length of the completion, in the unit that `Longer` takes."""

    name = "shorter"

    def score(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Return negative lengths, float64 (n,)."""
        return -Longer().score(candidates)
