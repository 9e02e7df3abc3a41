"""Best-of-n, exactly: expected proxy and gold reward of the answer that a reward likes best among n."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.policy import FLAGS, policy_of
from rmx.worlds.latent.reward import LatentReward
from rmx.worlds.latent.streams import Floats

__all__ = ["BestOfN", "best_of_n"]


class BestOfN(NamedTuple):
    """Curves over n, arrays of the shape of `n`, relative to what all answers to a prompt share."""

    n: Floats
    gold: Floats
    proxy: Floats

    @property
    def peak(self) -> int:
        """N at which gold is highest."""
        return int(self.n[int(np.argmax(self.gold))])


def best_of_n(params: LatentParams, reward: LatentReward, sizes: Sequence[int], *, slice: str = "samples") -> BestOfN:
    """Return the curves, integrated over the proxy of the winner.

    Given its flags an answer's proxy and gold are jointly normal. With F and f the proxy's distribution and density
    over all flags, the winner of n has density n f F^(n-1), and its gold is E[gold | proxy, flags] weighted by how
    likely the flags are at that proxy.
    """
    from scipy.special import ndtr

    policy, weights = policy_of(params, slice), reward.weights
    if policy.new_topics:
        raise ValueError(f"slice {slice} has new topics: its prompts differ in law, and no one curve holds for all")
    rho, general = params.length_quality, params.general
    topical, seen, apart = np.sqrt(1 - general), np.sqrt(general), np.sqrt(1 - rho**2)
    to_gold = np.array([topical, seen, 0.0, 0.0])
    to_proxy = np.array([weights.topical * topical, weights.general * seen, 0.0, weights.noise])
    to_proxy = to_proxy + weights.length * np.array([rho * topical, rho * seen, apart, 0.0])
    sd = float(np.sqrt(to_proxy @ to_proxy))
    slope = float(to_gold @ to_proxy) / sd**2
    base = weights.offset + weights.general * policy.quality + weights.length * policy.log_length

    cases = [
        (float(np.prod([policy.rates[f] if has else 1 - policy.rates[f] for f, has in zip(FLAGS, case, strict=True)])),
         base + sum(getattr(weights, flag) * has for flag, has in zip(FLAGS, case, strict=True)),
         policy.quality - params.exploit_loss * case[FLAGS.index("exploit")])
        for case in product((0, 1), repeat=len(FLAGS))
    ]  # fmt: skip
    cases = [case for case in cases if case[0] > 0]
    means = [mean for _, mean, _ in cases]
    x = np.linspace(min(means) - 8 * sd, max(means) + 8 * sd, 20_001)
    below, density, gold = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for chance, mean, worth in cases:
        z = (x - mean) / sd
        part = chance * np.exp(-(z**2) / 2) / (sd * np.sqrt(2 * np.pi))
        below += chance * ndtr(z)
        density += part
        gold += part * (worth + slope * (x - mean))
    step = float(x[1] - x[0])
    of_winner = [n * below ** (n - 1) for n in sizes]
    return BestOfN(
        n=np.array(sizes, dtype=np.float64),
        gold=np.array([winner @ gold * step for winner in of_winner]),
        proxy=np.array([winner @ (density * x) * step for winner in of_winner]),
    )
