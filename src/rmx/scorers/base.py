"""What every scorer is: something that turns texts, or pairs of them, into numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rmx.domain import Candidate, PreferencePair

__all__ = ["MISSING", "PairwiseJudge", "Scored", "Scorer", "TextScorer"]

MISSING = "missing"
"""Code of the reason that a scorer was not given what it needs for a text: a fault of the input, unlike a text that it
tried to score and could not."""


class Scorer(Protocol):
    """Gives each candidate a reward; only differences between candidates of the same prompt carry meaning."""

    @property
    def name(self) -> str:
        """The scorer's name in score tables."""
        ...

    def score(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Return the rewards of n candidates, float64 (n,), in their order."""
        ...


@dataclass(frozen=True)
class Scored:
    """What a judged scorer says of n texts, or of n pairs."""

    values: NDArray[np.float64]
    """Rewards of texts, or margins of pairs, (n,); NaN where `reasons` says why there is none."""
    reasons: Mapping[int, str] = field(default_factory=dict)
    """By number, why a text or pair has no value: a code, a colon, a detail."""
    parts: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """What the values were made of, each (n,), by the name that it gets in score tables."""

    def take(self, places: NDArray[np.int64]) -> Self:
        """Return what is said of the texts or pairs at these places."""
        reasons = {i: self.reasons[place] for i, place in enumerate(places.tolist()) if place in self.reasons}
        parts = {name: values[places] for name, values in self.parts.items()}
        return type(self)(self.values[places], reasons, parts)


class TextScorer(Protocol):
    """A scorer that may be judged: it gives single texts a reward."""

    @property
    def identity(self) -> str:
        """Changes whenever the rewards could; a resumed scoring must have the same."""
        ...

    @property
    def flags(self) -> Sequence[str]:
        """What whoever reads its rewards must know, in sentences."""
        ...

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return the rewards of n candidates, in their order."""
        ...


@runtime_checkable
class PairwiseJudge(Protocol):
    """A scorer that may be judged and has no level: it gives two completions of one prompt a margin."""

    @property
    def identity(self) -> str:
        """Changes whenever the margins could."""
        ...

    @property
    def flags(self) -> Sequence[str]:
        """What whoever reads its margins must know, in sentences."""
        ...

    def score_pairs(self, pairs: Sequence[PreferencePair]) -> Scored:
        """Return the margins of n pairs, above zero where the chosen completion is preferred, in their order."""
        ...
