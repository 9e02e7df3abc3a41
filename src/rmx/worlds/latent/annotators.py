"""Simulated annotators: Bradley-Terry in gold and in what they like beside it, with lapses, ties and abstentions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.streams import Floats, Streams

__all__ = [
    "Ballots",
    "Kind",
    "Planted",
    "Votes",
    "annotator_name",
    "draw_ballots",
    "kinds_of",
    "logit",
    "planted",
    "unanimous",
    "vote_law",
    "wins",
]


class Kind(NamedTuple):
    """Annotators that are alike."""

    people: int
    lapse: float
    side: float
    """1, or -1 for those who vote for the worse answer."""
    taste: float
    """What a list is worth to them beyond what it is worth to all, in gold SD."""


class Votes(NamedTuple):
    """Votes of each pair, arrays of one shape; abstentions are counted nowhere."""

    first: Floats
    second: Floats
    tie: Floats


class Ballots(NamedTuple):
    """Who was asked about each pair and what they said, arrays (votes, pairs)."""

    annotator: NDArray[np.int64]
    """Number of the annotator in the pool; the same one may be asked twice."""
    choice: NDArray[np.int64]
    """0: the first answer, 1: the second, 2: a tie, -1: none."""

    @property
    def votes(self) -> Votes:
        """The votes, counted."""
        return Votes(*((self.choice == k).sum(axis=0).astype(np.float64) for k in range(3)))

    def take(self, rows: NDArray[np.int64]) -> Ballots:
        """Return the votes on these pairs."""
        return Ballots(self.annotator[:, rows], self.choice[:, rows])

    def turned(self, swap: NDArray[np.bool_]) -> Ballots:
        """Return the same votes with first and second answer exchanged in these pairs."""
        sides = swap[None, :] & (self.choice >= 0) & (self.choice < 2)
        return Ballots(self.annotator, np.where(sides, 1 - self.choice, self.choice))


class Planted(NamedTuple):
    """Names of the annotators who are worse than the others."""

    lapsing: frozenset[str]
    flipping: frozenset[str]


def annotator_name(number: int) -> str:
    """Return the name of an annotator of the pool."""
    return f"annotator-{number:02d}"


def planted(params: LatentParams) -> Planted:
    """Return who lapses more than the others, and who votes for the worse answer."""
    bad, flippers = _bad(params)
    names = [annotator_name(number) for number in range(bad + flippers)]
    return Planted(frozenset(names[:bad]), frozenset(names[bad:]))


def _bad(params: LatentParams) -> tuple[int, int]:
    """Return how many of the pool lapse more, and how many flip."""
    return round(params.bad_annotators * params.annotators), round(params.flippers * params.annotators)


def kinds_of(params: LatentParams) -> list[Kind]:
    """Return the pool by kind: lapsing ones first, then flippers; the second taste from the end."""
    pool = params.annotators
    bad, flippers = _bad(params)
    second = round(params.second_taste * pool) if params.taste else 0
    people = [
        (
            params.bad_lapse if k < bad else params.lapse,
            -1.0 if bad <= k < bad + flippers else 1.0,
            -params.taste if k >= pool - second else params.taste,
        )
        for k in range(pool)
    ]
    return [Kind(people.count(kind), *kind) for kind in dict.fromkeys(people)]


def logit(params: LatentParams, gold: Floats, length: Floats, lists: Floats, flattery: Floats) -> Floats:
    """Return what all annotators share of their logit, from features of the first answer minus those of the second."""
    liking = params.length_liking * length + params.list_liking * lists + params.flattery_liking * flattery
    return np.asarray(params.label_scale * (gold + liking))


def _first(params: LatentParams, kind: Kind, shared: Floats, lists: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the chance that one of these votes for the first answer, given no tie, and whether there is no tie."""
    from scipy.special import expit

    own = shared + params.label_scale * kind.taste * lists
    return (1 - kind.lapse) * expit(kind.side * own) + kind.lapse / 2, np.abs(own) >= params.tie


def vote_law(params: LatentParams, shared: Floats, lists: Floats) -> tuple[Floats, Floats]:
    """Return the chances that a vote asked for is for the first, and for the second answer.

    Args:
        params: The world.
        shared: `logit` of the pair.
        lists: Lists of the first answer minus those of the second.
    """
    first, second = np.zeros_like(shared), np.zeros_like(shared)
    for kind in kinds_of(params):
        chance, clear = _first(params, kind, shared, lists)
        weight = (1 - params.abstain) * kind.people / params.annotators
        first += weight * clear * chance
        second += weight * clear * (1 - chance)
    return first, second


def wins(votes: int, first: Floats, second: Floats) -> Floats:
    """Return the chance that more of the votes are for the first than for the second answer, each vote independent."""
    neither = np.maximum(0.0, 1 - first - second)
    total = np.zeros_like(first)
    for a, b in _counts(votes):
        if a > b:
            c = votes - a - b
            ways = math.factorial(votes) / (math.factorial(a) * math.factorial(b) * math.factorial(c))
            total += ways * first**a * second**b * neither**c
    return total


def unanimous(params: LatentParams, first: Floats) -> Floats:
    """Return the chance that every vote cast is for the first answer, and at least one is."""
    return np.asarray((first + params.abstain) ** params.votes - params.abstain**params.votes)


def _counts(votes: int) -> Iterator[tuple[int, int]]:
    return ((a, b) for a in range(votes + 1) for b in range(votes + 1 - a))


def draw_ballots(streams: Streams, params: LatentParams, shared: Floats, lists: Floats) -> Ballots:
    """Return the votes on pairs, arguments as those of `vote_law`; each asks annotators drawn from the pool."""
    count = len(shared)
    kinds = kinds_of(params)
    ends = np.cumsum([kind.people for kind in kinds])
    laws = [_first(params, kind, shared, lists) for kind in kinds]
    chances, clear = (np.stack(column) for column in zip(*laws, strict=True))
    asked, said = [], []
    for vote in range(params.votes):
        drawn = np.floor(streams.uniform(f"annotator/{vote}", count) * params.annotators)
        kind = np.searchsorted(ends, drawn, side="right")
        here = np.arange(count)
        cast = streams.uniform(f"abstains/{vote}", count) >= params.abstain
        is_first = streams.uniform(f"vote/{vote}", count) < chances[kind, here]
        choice = np.where(clear[kind, here], np.where(is_first, 0, 1), 2)
        asked.append(drawn.astype(np.int64))
        said.append(np.where(cast, choice, -1))
    return Ballots(np.stack(asked), np.stack(said))
