"""How much longer the chosen completion of a pair is, for the audits that hold accuracy against length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rmx.audits.evidence import UnavailableError
from rmx.score_table import ScoreView

__all__ = ["log_length_ratio"]


def log_length_ratio(view: ScoreView) -> NDArray[np.float64]:
    """Return log(tokens of chosen / tokens of rejected), shape (pairs,).

    Raises:
        UnavailableError: The table does not hold the length of every completion.
    """
    if view.chosen_tokens is None or view.rejected_tokens is None:
        raise UnavailableError(
            "not_provided", f"no chosen_tokens and rejected_tokens of every pair of slice {view.slice}"
        )
    return np.log(view.chosen_tokens) - np.log(view.rejected_tokens)
