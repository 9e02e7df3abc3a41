"""Slices that are parts of another one: what has been scored there is not scored again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.scorers.slice_texts import SliceTexts

__all__ = ["Part", "find_parts", "with_parts"]


class Part(NamedTuple):
    """A slice whose every text stands in another one."""

    whole: str
    places: NDArray[np.int64]
    """int64 (n,): where each of its texts stands among those of `whole`."""


def find_parts(texts: Mapping[str, SliceTexts]) -> dict[str, Part]:
    """Return, by name, the slices that need no scoring of their own: an earlier one has all their texts, edits too."""
    found: dict[str, Part] = {}
    known: dict[str, dict[str, int]] = {}
    for name, mine in texts.items():
        for whole, numbers in known.items():
            places = [numbers.get(text.candidate_id, -1) for text in mine.candidates]
            if -1 not in places:
                found[name] = Part(whole, np.array(places, np.int64))
                break
        else:
            known[name] = {text.candidate_id: i for i, text in enumerate(mine.candidates)}
    return found


def with_parts(rewards: Mapping[str, NDArray[np.float64]], parts: Mapping[str, Part]) -> dict[str, NDArray[np.float64]]:
    """Return the rewards of whole slices and, taken from them, of their parts, float64 (n,) each."""
    return {**rewards, **{name: rewards[part.whole][part.places] for name, part in parts.items()}}
