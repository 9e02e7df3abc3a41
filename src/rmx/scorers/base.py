"""What every scorer is: something that turns a prompt and a completion into a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rmx.domain import Candidate

__all__ = ["Scorer"]


class Scorer(Protocol):
    """Gives each candidate a reward; only differences between candidates of the same prompt carry meaning."""

    @property
    def name(self) -> str:
        """The scorer's name in score tables."""
        ...

    def score(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Return the rewards of n candidates, float64 (n,), in their order."""
        ...
