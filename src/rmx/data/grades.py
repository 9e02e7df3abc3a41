"""How strongly each comparison was preferred: ties and levels of strength as whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.config.losses import LOSS_TRAITS
from rmx.domain import PreferencePair
from rmx.errors import DataError

__all__ = ["MAX_LEVELS", "Grades", "build_grades"]

MAX_LEVELS = 20
"""Levels above which a strength is taken to be a measurement, for which thresholds would be no model."""


class Grades(NamedTuple):
    """Grades of p comparisons."""

    grade: NDArray[np.int64]
    """int64 (p,): 0 of a tie, else the level of the label's strength, from 1; 1 where no strength is read."""
    levels: tuple[float, ...]
    """The strength that each level stands for, ascending; empty where no strength is read."""


def build_grades(pairs: Sequence[PreferencePair], kind: str) -> Grades:
    """Return the grades that the loss `kind` reads; the levels are those that the pairs have.

    A strength counts by its size: which side it speaks for is the label's to say.

    Raises:
        DataError: There is nothing to learn a threshold from, or a strength that is no grade.
    """
    traits = LOSS_TRAITS[kind]
    tied = np.array([pair.tied for pair in pairs], bool)
    if traits.needs_ties and not (tied.any() and not tied.all()):
        raise DataError(
            f"loss.kind={kind} learns from ties beside decided pairs, and train has {int(tied.sum()):,} ties among "
            f"{len(pairs):,} pairs; give data.ties=keep and data with ties, or loss=bt"
        )
    grade = np.where(tied, 0, 1)
    if not traits.strength:
        return Grades(grade, ())
    levels = sorted({_strength(pair, kind) for pair in pairs if not pair.tied})
    if not len(levels) + tied.any() > 1:
        raise DataError(
            f"loss.kind={kind} learns from levels of strength, and train has only {len(levels)}; "
            "give data.columns.strength a graded column, data.ties=keep where there are ties, or loss=bt"
        )
    if len(levels) > MAX_LEVELS:
        raise DataError(
            f"loss.kind={kind} takes at most {MAX_LEVELS} levels of strength, and train has {len(levels):,}, as "
            f"{levels[0]:g} and {levels[1]:g}; round data.columns.strength, or give loss=bt with loss.margin"
        )
    place = {level: i for i, level in enumerate(levels, start=1)}
    grade = np.array([0 if pair.tied else place[_strength(pair, kind)] for pair in pairs], np.int64)
    return Grades(grade, tuple(levels))


def _strength(pair: PreferencePair, kind: str) -> float:
    if pair.strength is None or not np.isfinite(pair.strength):
        raise DataError(
            f"{pair.origin.file} row {pair.origin.row}: no strength, which loss.kind={kind} reads; "
            "set data.columns.strength to a graded column, or give loss=bt"
        )
    return abs(pair.strength)
