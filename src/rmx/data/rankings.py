"""Which ranking a comparison belongs to, and rankings put together again from the comparisons that are left of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmx.domain import PreferencePair
from rmx.errors import DataError

__all__ = ["MAX_ORDERS", "RANK", "RANKING", "Ranking", "Rankings", "build_rankings"]

RANKING = "ranking"
"""Tag with the id of the ranking that a pair was expanded from."""
RANK = "rank"
"""Fact of a side, and so tags chosen_rank and rejected_rank: its place, 1 for the best; equal ones are tied."""
MAX_ORDERS = 720
"""Orders that the ranks of one ranking may leave open: what sums over them costs as much as so many rankings."""


@dataclass(frozen=True)
class Ranking:
    """Items of one ranking, best first."""

    items: tuple[int, ...]
    sizes: tuple[int, ...]
    """How many items each rank has."""

    @classmethod
    def of(cls, placed: Iterable[tuple[int, int]]) -> Ranking:
        """Return the ranking of (rank, item); what stands twice counts once."""
        distinct = sorted(set(placed))
        return cls(tuple(item for _, item in distinct), tuple(Counter(rank for rank, _ in distinct).values()))

    @property
    def orders(self) -> int:
        """Orders that the ranks leave open, those within the last rank apart."""
        return math.prod(math.factorial(size) for size in self.sizes[:-1])


@dataclass(frozen=True)
class Rankings:
    """The ranking of each of p comparisons, and the two places that it compares."""

    ids: tuple[str, ...]
    """Id of each comparison's ranking; one that comes from no ranking is a ranking of two by itself."""
    number: NDArray[np.int64]
    """int64 (p,): the same as a number."""
    chosen_rank: NDArray[np.int64]
    """int64 (p,), 1 for the best."""
    rejected_rank: NDArray[np.int64]

    def units(self, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions (u, w) in `members` of the comparisons of each ranking, filled up with -1."""
        _, first, of = np.unique(self.number[members], return_index=True, return_inverse=True)
        # In order of appearance, so that equal members give equal batches.
        place = np.argsort(np.argsort(first))[of]
        order = np.argsort(place, kind="stable")
        counts = np.bincount(place)
        units = np.full((len(counts), counts.max(initial=0)), -1, np.int64)
        units[np.arange(units.shape[1]) < counts[:, None]] = order
        return units

    def put_together(
        self, members: NDArray[np.int64], chosen: NDArray[np.int64], rejected: NDArray[np.int64]
    ) -> list[tuple[Ranking, NDArray[np.int64]]]:
        """Return each ranking of the comparisons `members`, with their positions in `members`.

        Args:
            members: Comparisons, whole rankings of them.
            chosen: What each of them chose, int64 (len(members),).
            rejected: The other.
        """
        found = []
        for unit in self.units(members):
            positions = unit[unit >= 0]
            pairs = members[positions]
            placed = [
                *zip(self.chosen_rank[pairs].tolist(), chosen[positions].tolist(), strict=True),
                *zip(self.rejected_rank[pairs].tolist(), rejected[positions].tolist(), strict=True),
            ]
            found.append((Ranking.of(placed), positions))
        return found


def build_rankings(pairs: Sequence[PreferencePair], chosen: NDArray[np.int64], rejected: NDArray[np.int64]) -> Rankings:
    """Return the rankings that pairs come from, by their tags.

    Args:
        pairs: The comparisons.
        chosen: Number of each one's chosen completion.
        rejected: Of the other.

    Raises:
        DataError: A ranking leaves more than MAX_ORDERS orders open.
    """
    ids = tuple(pair.tags.get(RANKING, pair.pair_id) for pair in pairs)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(ids))}
    ranks = [[int(pair.tags.get(f"{side}_{RANK}", own)) for pair in pairs] for side, own in _ALONE]
    number = np.array([numbers[name] for name in ids], np.int64)
    rankings = Rankings(ids, number, *(np.array(column, np.int64) for column in ranks))
    for ranking, positions in rankings.put_together(np.arange(len(pairs)), chosen, rejected):
        if ranking.orders > MAX_ORDERS:
            origin = pairs[positions[0]].origin
            raise DataError(
                f"{origin.file} row {origin.row}: the ranking's ties leave {ranking.orders:,} orders open, "
                f"loss.kind=plackett_luce sums over at most {MAX_ORDERS}; give finer ranks, or loss=bt"
            )
    return rankings


_ALONE = (("chosen", 1), ("rejected", 2))
"""The places of a comparison that comes from no ranking."""
