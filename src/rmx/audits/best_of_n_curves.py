"""Best-of-n curves of every sampled prompt, and means of them in standard deviations of the policy's own rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import (
    Clusters,
    Interval,
    best_of_n,
    best_of_n_kl,
    best_of_n_sizes,
    best_of_n_wins,
    t_interval,
)

__all__ = ["Curves", "Spread", "best_of_n_curves"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """Standard deviation of rewards over all samples, every prompt counted alike: the unit at the initial policy."""

    sd: float
    squares: Floats
    """Mean squared distance of each prompt's samples from the mean over prompts, (P,); their mean is sd²."""

    @classmethod
    def of(cls, rewards: list[Floats]) -> Spread:
        """Measure the samples of all prompts."""
        mean = np.mean([r.mean() for r in rewards])
        squares = np.array([((r - mean) ** 2).mean() for r in rewards])
        return cls(float(np.sqrt(squares.mean())), squares)

    def mean(self, values: Floats, clusters: Clusters, *, null: float | None = 0.0) -> Interval:
        """Return the interval of the mean of values (P,), one for each prompt, in this unit.

        The unit is estimated from the same prompts, so its influence is added to that of the mean (delta method).
        """
        estimate = float(values.mean()) / self.sd
        own = (values - values.mean()) / self.sd
        of_unit = estimate * (self.squares - self.sd**2) / (2 * self.sd**2)
        return t_interval(estimate, (own - of_unit) / len(values), clusters, null=null, size=max(1.0, abs(estimate)))


@dataclass(frozen=True, eq=False)
class Curves:
    """Expected rewards of the best of n by the proxy, prompt by prompt."""

    sizes: tuple[int, ...]
    """Values of n, from 1 on."""
    clusters: Clusters
    """Groups of the prompts."""
    gold: Floats
    """(P, sizes)."""
    proxy: Floats
    wins: Floats
    """Share of further samples that the best of n beats in gold, ties one half; (P, sizes)."""
    gold_spread: Spread
    proxy_spread: Spread

    @property
    def kl(self) -> Floats:
        """Divergence from the policy in nats, (sizes,); an upper bound where samples repeat or tie."""
        return np.array([best_of_n_kl(n) for n in self.sizes])

    @property
    def prompts(self) -> int:
        """Number of prompts, P."""
        return len(self.gold)


def best_of_n_curves(evidence: Evidence, slice: str, scorer: str, n_max: int | None) -> Curves:
    """Return the curves up to `n_max`, by default half of the samples of the prompt that has fewest.

    Raises:
        UnavailableError: There are no samples, some have no gold reward, a prompt has fewer than twice `n_max`
            samples, or all rewards are equal.
        NotFiniteError: A reward is NaN or infinite.
    """
    samples = evidence.samples(slice, scorer)
    if not samples.has_gold:
        raise UnavailableError("not_provided", f"no gold reward of every sample in slice {slice}")
    fewest = int(samples.sizes.min())
    largest = fewest // 2 if n_max is None else n_max
    if largest < 2 or fewest < 2 * largest:
        needed = f"{2 * max(2, largest)} samples of every prompt"
        raise UnavailableError("not_provided", f"{needed} in slice {slice}: one has {fewest}")
    gold, proxy = Spread.of(samples.gold), Spread.of(samples.rewards)
    for name, spread in (("gold rewards", gold), (f"rewards of {scorer}", proxy)):
        if spread.sd == 0:
            raise UnavailableError(f"all {name} on slice {slice} are equal")
    sizes = best_of_n_sizes(largest)
    both = list(zip(samples.rewards, samples.gold, strict=True))
    return Curves(
        sizes=sizes,
        clusters=Clusters(samples.groups),
        gold=np.array([best_of_n(r, g, sizes) for r, g in both]),
        proxy=np.array([best_of_n(r, r, sizes) for r, _ in both]),
        wins=np.array([best_of_n_wins(r, g, sizes) for r, g in both]),
        gold_spread=gold,
        proxy_spread=proxy,
    )
