"""What sequences cost under each layout, and in which order they are best cut into micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rmx.data.forest import prefix_order, shared_prefixes

__all__ = ["LAYOUT_COSTS", "LayoutCost"]

Numbers = NDArray[np.int64]


class LayoutCost(Protocol):
    """Costs of some sequences, numbered from 0, and of parts of them."""

    @property
    def place(self) -> Numbers:
        """int64 (n,): each sequence's place in the order in which micro-batches are filled."""
        ...

    def tokens(self, part: Numbers) -> int:
        """Return the tokens that the layout runs for these distinct sequences."""
        ...


class _Padded:
    """Every sequence as long as the longest; long ones first, so that neighbours are of similar length."""

    def __init__(self, sequences: Sequence[NDArray[np.int32]]) -> None:
        self.lengths = np.array([len(s) for s in sequences], np.int64)
        self.place = _places(np.argsort(-self.lengths, kind="stable"))

    def tokens(self, part: Numbers) -> int:
        return int(self.lengths[part].max(initial=0)) * len(part)


class _Packed:
    """A shared prefix once; sequences that share one stand side by side."""

    def __init__(self, sequences: Sequence[NDArray[np.int32]]) -> None:
        order = prefix_order(sequences)
        self.place = _places(order)
        ordered = [sequences[i] for i in order]
        self._lengths = np.array([len(s) for s in ordered], np.int64)
        self._shared = shared_prefixes(ordered)

    def tokens(self, part: Numbers) -> int:
        if not len(part):
            return 0
        places = np.sort(self.place[part])
        total = int(self._lengths[places].sum())
        if len(places) > 1:
            # Two sequences share the least that any two neighbours between them do.
            until = self._shared[: places[-1] + 1]
            total -= int(np.minimum.reduceat(until, places[:-1] + 1).sum())
        return total


def _places(order: Numbers) -> Numbers:
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


LAYOUT_COSTS: dict[str, Callable[[Sequence[NDArray[np.int32]]], LayoutCost]] = {"padded": _Padded, "packed": _Packed}
"""By the name of the layout, from the sequences' tokens."""
