"""How products of queries and keys become scores, beside what sees what."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ScoreRule"]


class ScoreRule(NamedTuple):
    """What an architecture asks of its attention."""

    scale: float
    """Factor of the products."""
    window: int | None
    """Most positions that a query looks back along its path, itself included; None for all."""
    softcap: float | None
    """Bound of the scores, by its tanh; None for none."""
