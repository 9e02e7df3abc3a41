"""How many pairs of each source an epoch of a mixture holds, and which ones (docs/adr/020-mixture-weights.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
import xxhash
from numpy.typing import NDArray

__all__ = ["Mixing", "epoch_counts", "needed_counts", "seeded"]


def epoch_counts(train: Mapping[str, int], weights: Mapping[str, float | None]) -> dict[str, int]:
    """Return how many train pairs of each source one epoch holds.

    Without weights, all. With weights, a source's share of the epoch is its weight over the sum of the weights, to
    the nearest pair, and the epoch is the longest in which no pair would stand twice: the source that has the fewest
    pairs for its weight gives all of them, every other one as many as keep the proportion.

    Args:
        train: Train pairs of each source.
        weights: All above 0, or all None.
    """
    given = {name: Fraction(weight) for name, weight in weights.items() if weight is not None}
    if not given:
        return dict(train)
    shares = {name: weight / sum(given.values()) for name, weight in given.items()}
    total = min(int(train[name] / share) for name, share in shares.items())
    exact = {name: total * share for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    # The pairs that rounding down left over go to the largest remainders, of equal ones to the first source.
    rest = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in rest[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def needed_counts(total: int, weights: Mapping[str, float | None]) -> dict[str, int]:
    """Return how many train pairs of each source make an epoch of at least `total`; one source needs no weight."""
    given = {name: Fraction(1 if weight is None else weight) for name, weight in weights.items()}
    return {name: ceil(total * weight / sum(given.values())) for name, weight in given.items()}


def seeded(*parts: object) -> np.random.Generator:
    """Return random numbers that depend on the parts alone."""
    return np.random.default_rng(xxhash.xxh64_intdigest("/".join(map(str, parts)).encode()))


@dataclass(frozen=True)
class Mixing:
    """Which train pairs each epoch holds, where sources have weights."""

    sources: tuple[str, ...]
    """Of each train pair."""
    counts: Mapping[str, int]
    """Pairs of each source in an epoch, see `epoch_counts`."""

    def members(self, epoch: int, *, groups: Sequence[str] | None, seed: int, fingerprint: str) -> NDArray[np.int64]:
        """Return the pairs of an epoch, in the order of the train pairs.

        Each source stands in one random circle, and every epoch takes the next `counts` of it: no pair stands in an
        epoch twice, and none is seen for the n-th time before all of its source have been seen n - 1 times.

        Args:
            epoch: From 0.
            groups: Group of each pair, to keep whole groups together; None draws pair by pair.
            seed: Of the run.
            fingerprint: Of its data.
        """
        by_source: dict[str, list[int]] = {}
        for number, source in enumerate(self.sources):
            by_source.setdefault(source, []).append(number)
        taken = []
        for source, numbers in by_source.items():
            circle = _circle(numbers, groups, seeded(seed, fingerprint, "source", source))
            window = np.arange(epoch * self.counts[source], (epoch + 1) * self.counts[source])
            taken.append(np.take(circle, window, mode="wrap"))
        return np.sort(np.concatenate(taken))


def _circle(numbers: Sequence[int], groups: Sequence[str] | None, rng: np.random.Generator) -> NDArray[np.int64]:
    if groups is None:
        return rng.permutation(np.array(numbers, np.int64))
    by_group: dict[str, list[int]] = {}
    for number in numbers:
        by_group.setdefault(groups[number], []).append(number)
    members = list(by_group.values())
    return np.array([number for g in rng.permutation(len(members)) for number in members[g]], np.int64)
