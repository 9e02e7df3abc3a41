"""Best-of-n curves of every sampled prompt, and means of them in standard deviations of the policy's own rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.samples import Samples
from rmx.audits.statistics import (
    Clusters,
    Interval,
    best_of_n,
    best_of_n_kl,
    best_of_n_sizes,
    best_of_n_wins,
    nested_winners,
    sampling_order,
    t_interval,
    tied_best_of_n_kl,
)
from rmx.data.text import unit_interval

__all__ = ["Curves", "Spread", "best_of_n_curves", "samples_to_rate"]

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
    kl_of_prompts: Floats
    """Divergence from the policy in nats, repeated and tied samples counted as such; (P, sizes)."""
    rated: int
    """Distinct answers of which gold was read."""

    @property
    def kl(self) -> Floats:
        """Mean divergence from the policy over prompts in nats, (sizes,)."""
        return np.asarray(self.kl_of_prompts.mean(0))

    @property
    def kl_bound(self) -> Floats:
        """What the divergence would be if no two outputs tied, and is never above, (sizes,)."""
        return np.array([best_of_n_kl(n) for n in self.sizes])

    def halves(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return two halves of the prompts, (P,) each, to choose on one what is read on the other.

        Groups fall into them by a hash of their names. A prompt that helped to choose an n would find its own best
        there: in pure noise, a flat curve would seem to decline.

        Raises:
            UnavailableError: There is one group.
        """
        names = np.unique(self.clusters.labels).astype(str)
        order = sorted(range(len(names)), key=lambda g: unit_interval(str(names[g]), "best of n"))
        second = np.zeros(len(names), dtype=bool)
        second[order[1::2]] = True
        half = second[self.clusters.codes]
        if half.all() or not half.any():
            raise UnavailableError("one group of prompts cannot both choose n and test it")
        return half, ~half

    @property
    def prompts(self) -> int:
        """Number of prompts, P."""
        return len(self.gold)


def best_of_n_curves(evidence: Evidence, slice: str, scorer: str, n_max: int | None) -> Curves:
    """Return the curves up to `n_max`, by default half of the samples of the prompt that has fewest.

    Where gold is known of every sample they average over all subsets; where it is not, they follow one chain of nested
    draws per prompt, whose winners are all that needs to be rated (`samples_to_rate`).

    Raises:
        UnavailableError: There are no samples, some that are needed have no gold reward, a prompt has fewer than twice
            `n_max` samples, or all rewards are equal.
        NotFiniteError: A reward is NaN or infinite.
    """
    samples = evidence.samples(slice, scorer)
    if not any(np.isfinite(gold).any() for gold in samples.gold):
        raise UnavailableError("not_provided", f"no gold reward of any sample in slice {slice}")
    sizes = _sizes(samples, slice, n_max)
    proxy = Spread.of(samples.rewards)
    if proxy.sd == 0:
        raise UnavailableError(f"all rewards of {scorer} on slice {slice} are equal")
    values, wins, drawn, rated = _of_all(samples, sizes) if samples.has_gold else _of_winners(samples, slice, sizes)
    gold = Spread.of(drawn)
    if gold.sd == 0:
        raise UnavailableError(f"all gold rewards on slice {slice} are equal")
    return Curves(
        sizes=sizes,
        clusters=Clusters(samples.groups),
        gold=values,
        proxy=np.array([best_of_n(r, r, sizes) for r in samples.rewards]),
        wins=wins,
        gold_spread=gold,
        proxy_spread=proxy,
        kl_of_prompts=np.array([tied_best_of_n_kl(r, sizes) for r in samples.rewards]),
        rated=rated,
    )


def samples_to_rate(samples: Samples, slice: str, n_max: int | None) -> list[tuple[int, int]]:
    """Return (prompt, sample) of every answer whose gold reward the curves need.

    Raises:
        UnavailableError: A prompt has fewer than twice `n_max` samples.
    """
    sizes = _sizes(samples, slice, n_max)
    found = []
    for p in range(len(samples.prompts)):
        _, winners, further = _chain(samples, p, sizes)
        found += [(p, i) for i in sorted({*winners.tolist(), further})]
    return found


def _sizes(samples: Samples, slice: str, n_max: int | None) -> tuple[int, ...]:
    fewest = int(samples.sizes.min())
    largest = fewest // 2 if n_max is None else n_max
    if largest < 2 or fewest < 2 * largest:
        needed = f"{2 * max(2, largest)} samples of every prompt"
        raise UnavailableError("not_provided", f"{needed} in slice {slice}: one has {fewest}")
    return best_of_n_sizes(largest)


Read = tuple[Floats, Floats, list[Floats], int]
"""Gold of the best of n and its wins, both (P, sizes); plain samples of the policy; number of answers rated."""


def _of_all(samples: Samples, sizes: tuple[int, ...]) -> Read:
    both = list(zip(samples.rewards, samples.gold, strict=True))
    rated = sum(len(np.unique(candidates)) for candidates in samples.candidates)
    return (
        np.array([best_of_n(r, g, sizes) for r, g in both]),
        np.array([best_of_n_wins(r, g, sizes) for r, g in both]),
        samples.gold,
        rated,
    )


def _of_winners(samples: Samples, slice: str, sizes: tuple[int, ...]) -> Read:
    chains = [_chain(samples, p, sizes) for p in range(len(samples.prompts))]
    values = np.array([gold[winners] for gold, (_, winners, _) in zip(samples.gold, chains, strict=True)])
    further = np.array([gold[i] for gold, (_, _, i) in zip(samples.gold, chains, strict=True)])
    if missing := int((np.isnan(values).any(1) | np.isnan(further)).sum()):
        which = f"answers that best-of-n chooses, of {missing} of {len(values)} prompts in slice {slice}"
        raise UnavailableError("not_provided", f"gold rewards of {which} (review/to_rate.jsonl lists them)")
    wins = (np.sign(values - further[:, None]) + 1) / 2
    # The first of a chain and the one beyond it are draws of the policy that no reward has chosen.
    drawn = list(np.stack([values[:, 0], further], 1))
    rated = sum(
        len({candidates[i] for i in (*winners.tolist(), further)})
        for candidates, (_, winners, further) in zip(samples.candidates, chains, strict=True)
    )
    return values, wins, drawn, rated


def _chain(samples: Samples, p: int, sizes: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return a prompt's sampling order, the winners of its first n, and the first sample beyond the largest n."""
    order = sampling_order(samples.candidates[p].tolist())
    return order, nested_winners(samples.rewards[p], order, sizes), int(order[sizes[-1]])
