"""The scorer that prefers the longer completion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmx.data.turns import said
from rmx.domain import Candidate

__all__ = ["Longer"]


class Longer:
    """The reward is the completion's length in tokens, or in characters where tokens are not known."""

    name = "longer"

    def score(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Return lengths, float64 (n,); one unit for all, for two units cannot be compared."""
        tokens = np.array([candidate.tokens for candidate in candidates], np.float64)
        if np.all(tokens > 0):
            return tokens
        return np.array([len(said(candidate.completion)) for candidate in candidates], np.float64)
