"""Groups: pairs that share a prompt or a given id, or whose prompts are near-duplicates, never part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rmx.data.near_duplicates import Link, near_duplicate_links
from rmx.data.text import digest, normalise, opening_turn
from rmx.domain import Message

__all__ = ["Grouping", "Prompted", "Prompts", "group_pairs", "index_prompts"]

_LARGEST_SHARE = 0.02
"""A group united by near-duplicates may hold this share of the pairs; above it, weak links are cut."""
_LARGEST_ALWAYS = 20
"""Pairs that such a group may hold however few there are in all."""


class Prompted(Protocol):
    """What can be grouped: a pair, or the samples of a prompt."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The turns before the completion."""
        ...

    @property
    def group(self) -> str:
        """Given group; empty where none was given."""
        ...


@dataclass(frozen=True)
class Prompts:
    """The distinct normalised prompts (of dialogues: opening turns) and which one each pair has."""

    texts: tuple[str, ...]
    of_pair: tuple[int, ...]


@dataclass(frozen=True)
class Grouping:
    """The group of every pair, and how near-duplicates made it."""

    names: tuple[str, ...]
    """Per pair. Stable: the smallest given id in the group, else the smallest hash of its prompts."""
    links: tuple[Link, ...]
    """Near-duplicate prompts, as positions in `Prompts.texts`."""
    cut: tuple[Link, ...]
    """Links not used, because the group would have become too large."""
    clusters: int
    """Groups that hold more than one distinct prompt through near-duplication."""
    largest: int
    """Pairs of the largest group."""


def index_prompts(pairs: Sequence[Prompted]) -> Prompts:
    """Return the distinct prompts of the pairs, by which they are grouped and split."""
    numbers: dict[str, int] = {}
    # Many pairs share the very same opening turn: normalise each spelling once.
    spelled: dict[str, int] = {}
    of_pair: list[int] = []
    for pair in pairs:
        text = opening_turn(pair.prompt)
        number = spelled.get(text)
        if number is None:
            number = spelled[text] = numbers.setdefault(normalise(text), len(numbers))
        of_pair.append(number)
    return Prompts(tuple(numbers), tuple(of_pair))


def group_pairs(pairs: Sequence[Prompted], prompts: Prompts, *, near_duplicates: bool, jaccard: float) -> Grouping:
    """Unite pairs by given group, prompt and near-duplicate prompts.

    Links are used from the most to the least similar while the united group stays within 2% of the pairs (or 20).
    """
    members = _Union(len(prompts.texts), prompts.of_pair)
    first_of: dict[str, int] = {}
    for pair, prompt in zip(pairs, prompts.of_pair, strict=True):
        if pair.group:
            members.unite(first_of.setdefault(pair.group, prompt), prompt)
    links = near_duplicate_links(prompts.texts, jaccard) if near_duplicates else []
    limit = max(_LARGEST_SHARE * len(pairs), _LARGEST_ALWAYS)
    cut: list[Link] = []
    joined: set[int] = set()
    for link in links:
        if members.together(link.first, link.second):
            continue
        if members.size_together(link.first, link.second) > limit:
            cut.append(link)
            continue
        members.unite(link.first, link.second)
        joined.add(link.first)
    # A link cut early may have been bridged by a later one.
    cut = [link for link in cut if not members.together(link.first, link.second)]
    roots = [members.root(p) for p in prompts.of_pair]
    return Grouping(
        names=_names(pairs, prompts, roots),
        links=tuple(links),
        cut=tuple(cut),
        clusters=len({members.root(p) for p in joined}),
        largest=max(Counter(roots).values(), default=0),
    )


def _names(pairs: Sequence[Prompted], prompts: Prompts, roots: Sequence[int]) -> tuple[str, ...]:
    given: dict[int, set[str]] = defaultdict(set)
    hashed: dict[int, set[int]] = defaultdict(set)
    for pair, prompt, root in zip(pairs, prompts.of_pair, roots, strict=True):
        if pair.group:
            given[root].add(pair.group)
        else:
            hashed[root].add(prompt)
    name = {root: min(ids) for root, ids in given.items()}
    for root, numbers in hashed.items():
        if root not in name:
            name[root] = min(digest(prompts.texts[n]) for n in numbers)
    return tuple(name[root] for root in roots)


class _Union:
    """Disjoint sets of prompts, with the number of pairs in each."""

    def __init__(self, prompts: int, of_pair: Sequence[int]) -> None:
        self._parent = list(range(prompts))
        self._pairs = [0] * prompts
        for prompt in of_pair:
            self._pairs[prompt] += 1

    def root(self, a: int) -> int:
        while self._parent[a] != a:
            self._parent[a] = a = self._parent[self._parent[a]]
        return a

    def together(self, a: int, b: int) -> bool:
        return self.root(a) == self.root(b)

    def size_together(self, a: int, b: int) -> int:
        return self._pairs[self.root(a)] + self._pairs[self.root(b)]

    def unite(self, a: int, b: int) -> None:
        a, b = sorted((self.root(a), self.root(b)))
        if a != b:
            self._parent[b] = a
            self._pairs[a] += self._pairs[b]
