"""The law of one answer under a reward: how likely each proxy is, and what gold goes with it."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.policy import FLAGS, policy_of
from rmx.worlds.latent.reward import LatentReward
from rmx.worlds.latent.streams import Floats

__all__ = ["ProxyLaw", "proxy_law"]


class ProxyLaw(NamedTuple):
    """Answers to a prompt over an even grid of proxies, arrays of its shape; levels of the prompt are left out."""

    proxy: Floats
    density: Floats
    below: Floats
    """Chance of a lower proxy."""
    gold: Floats
    """E[gold | proxy] times the density."""

    @property
    def step(self) -> float:
        """Distance of two points of the grid."""
        return float(self.proxy[1] - self.proxy[0])


def proxy_law(
    params: LatentParams, reward: LatentReward, slice: str, *, new_topic: bool = False, points: int = 20_001
) -> ProxyLaw:
    """Return the law of the answers to a prompt of a slice.

    Given its flags an answer's proxy and gold are jointly normal.

    Args:
        params: The world.
        reward: The reward, which is the proxy.
        slice: Whose policy answers.
        new_topic: The prompt is on a topic that training had none of.
        points: Points of the grid, which reaches 8 standard deviations below the lowest and 12 above the highest mean:
            there is what optimisation finds.
    """
    from scipy.special import ndtr

    policy, weights = policy_of(params, slice), reward.weights
    rho, general, known = params.length_quality, params.general, weights.new_topic if new_topic else 1.0
    topical, seen, apart = np.sqrt(1 - general), np.sqrt(general), np.sqrt(1 - rho**2)
    # Linear in four independent standard normals: topical, general, length's own part, noise.
    to_gold = np.array([topical, seen, 0.0, 0.0])
    to_proxy = np.array([known * weights.topical * topical, known * weights.general * seen, 0.0, weights.noise])
    to_proxy = to_proxy + weights.length * np.array([rho * topical, rho * seen, apart, 0.0])
    sd = float(np.sqrt(to_proxy @ to_proxy))
    slope = float(to_gold @ to_proxy) / sd**2
    base = weights.offset + known * weights.general * policy.quality + weights.length * policy.log_length
    cases = []
    for flags in product((0, 1), repeat=len(FLAGS)):
        has = dict(zip(FLAGS, flags, strict=True))
        chance = float(np.prod([policy.rates[f] if has[f] else 1 - policy.rates[f] for f in FLAGS]))
        mean = base + sum(getattr(weights, f) * has[f] for f in FLAGS)
        worth = policy.quality - params.exploit_loss * has["exploit"]
        if chance > 0:
            cases.append((chance, mean, worth))
    means = [mean for _, mean, _ in cases]
    x = np.linspace(min(means) - 8 * sd, max(means) + 12 * sd, points)
    below, density, gold = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for chance, mean, worth in cases:
        z = (x - mean) / sd
        part = chance * np.exp(-(z**2) / 2) / (sd * np.sqrt(2 * np.pi))
        below += chance * ndtr(z)
        density += part
        gold += part * (worth + slope * (x - mean))
    return ProxyLaw(x, density, below, gold)
