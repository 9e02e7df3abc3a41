"""RewardBench 2's score of its Ties: several right answers must lie above every wrong one, and close together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TiedAnswers", "ties_score"]

Floats = NDArray[np.float64]
WEIGHTS = np.array([0.30, 0.30, 0.20, 0.20, 0.01])
"""Of the five terms, in the order of `TiedAnswers.terms`."""


@dataclass(frozen=True, slots=True)
class TiedAnswers:
    """The rewards of one prompt's answers."""

    right: Floats
    wrong: Floats

    @property
    def gap(self) -> float:
        """How far the worst right answer lies above the best wrong one."""
        return float(self.right.min() - self.wrong.max())

    @property
    def spread(self) -> float:
        """How far right answers lie apart."""
        return float(np.ptp(self.right))


def _terms(reference: TiedAnswers | None, tied: TiedAnswers | None) -> list[float]:
    """Return the five terms of one prompt; NaN where it has no such answers."""
    if reference is None or tied is None:
        one = tied or reference
        known = float(one.gap > 0) if one is not None else np.nan
        return [known if tied is not None else np.nan, known if reference is not None else np.nan, *[np.nan] * 3]
    least = min(reference.gap, tied.gap)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.float64(least) / tied.spread
    return [
        float(tied.gap > 0),
        float(reference.gap > 0),
        float(tied.gap > tied.spread),
        float(least > tied.spread),
        float(np.nan_to_num(np.tanh(ratio - 1), nan=0.0)),
    ]


def ties_score(
    prompts: Sequence[tuple[TiedAnswers | None, TiedAnswers | None]], weights: Floats | None = None
) -> float:
    """Return the score of prompts, each with the answers to its reference question (one right) and its tied one.

    0.30 tied accuracy + 0.30 reference accuracy + 0.20 P(gap > spread) + 0.20 P(least gap > spread)
    + 0.01 mean tanh(least gap / spread - 1), where the least gap is that of tied and reference question; a term is the
    mean over the prompts that have its answers (Malik et al. 2025, arXiv 2506.01937; rewardbench/utils.py). The last
    term is 0 where gap and spread are both 0.

    Args:
        prompts: (reference, tied), None where one of the two was not scored.
        weights: How often each prompt counts, (prompts,); once if not given.
    """
    return float(score_of_terms(terms_of(prompts), np.ones(len(prompts)) if weights is None else weights))


def terms_of(prompts: Sequence[tuple[TiedAnswers | None, TiedAnswers | None]]) -> Floats:
    """Return the terms of each prompt, (prompts, 5), NaN where it lacks the answers."""
    return np.array([_terms(reference, tied) for reference, tied in prompts], np.float64).reshape(-1, len(WEIGHTS))


def score_of_terms(terms: Floats, weights: Floats) -> float:
    """Return the score of prompts that count `weights` times; NaN where a term has no prompt."""
    known = np.isfinite(terms)
    counts = weights @ known
    with np.errstate(invalid="ignore"):
        return float(WEIGHTS @ ((weights @ np.where(known, terms, 0.0)) / counts))
