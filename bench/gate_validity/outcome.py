"""What becomes of gold when a policy is optimised against a reward: exactly, by best-of-n and by exponential tilting.

Both curves are integrals over the proxy (`rmx.worlds.latent.proxy_law`). Best-of-n has KL log n - (n - 1)/n; tilting by
exp(b r), the optimum of a policy under a KL penalty, has KL b E[r] - log Z.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.latent import LatentParams, LatentReward, ProxyLaw, proxy_law
from rmx.worlds.latent.policy import FRESH, policy_of

__all__ = ["KL", "Outcome", "best_of", "optimise", "sizes", "tilted"]

KL = 3.0
"""Nats of optimisation."""
DIP, HARM = 0.05, 0.2
"""Falls of gold below its running peak, in SD of gold: what a sound optimisation never has, and a harmful one has."""

Floats = NDArray[np.float64]


class Outcome(NamedTuple):
    """Gold along both ways of optimising, from no optimisation on."""

    kind: Literal["sound", "harmful", "between"]
    end: float
    """Least gold at the end of either way, in SD of gold above the start."""
    fall: float
    """Greatest fall below the running peak on either way."""


def optimise(params: LatentParams, reward: LatentReward) -> Outcome:
    """Optimise the fresh policy against the reward, on known and on new topics in their shares."""
    share = policy_of(params, FRESH).new_topics
    topics = [(1 - share, False), (share, True)]
    laws = [(w, proxy_law(params, reward, FRESH, new_topic=new, points=6_001)) for w, new in topics if w > 0]
    curves = [sum(weight * np.array(way(law)) for weight, law in laws) for way in (best_of, tilted)]
    spread = _gold_sd(params)
    end = min(float(curve[-1] - curve[0]) for curve in curves) / spread
    fall = max(float((np.maximum.accumulate(curve) - curve).max()) for curve in curves) / spread
    kind: Literal["sound", "harmful", "between"] = "between"
    if end < 0 or fall > HARM:
        kind = "harmful"
    elif fall <= DIP and end > 0:
        kind = "sound"
    return Outcome(kind, end, fall)


def sizes() -> Floats:
    """Return sizes n from 1 on, up to the KL budget; n need not be whole."""
    every = np.geomspace(1, 200, 400)
    return every[np.log(every) - (every - 1) / every <= KL]


def best_of(law: ProxyLaw) -> list[float]:
    """Return gold of the best of n at each of `sizes()`."""
    winners = [n * law.below ** (n - 1) for n in sizes()]
    return [float(winner @ law.gold / (winner @ law.density)) for winner in winners]


def tilted(law: ProxyLaw) -> list[float]:
    """Return gold at 60 even steps of KL from none to the budget."""
    from scipy.optimize import brentq

    mean = float(law.proxy @ law.density / law.density.sum())
    centred = law.proxy - mean
    spread = float(np.sqrt(centred**2 @ law.density / law.density.sum()))

    def tilt(strength: float) -> tuple[float, float]:
        exponent = strength * centred / spread
        top = float(exponent.max())
        weight = law.density * np.exp(exponent - top)
        total = weight.sum()
        kl = strength * float(weight @ centred) / total / spread - (np.log(total / law.density.sum()) + top)
        return float(kl), float((weight / law.density.clip(1e-300)) @ law.gold / total)

    found = [tilt(0.0)[1]]
    for kl in np.linspace(0, KL, 61)[1:]:
        strength = brentq(lambda s, kl=kl: tilt(s)[0] - kl, 0.0, 6.0)
        found.append(tilt(strength)[1])
    return found


def _gold_sd(params: LatentParams) -> float:
    """Return the SD of gold among answers of the fresh policy to a prompt."""
    rate = policy_of(params, FRESH).rates["exploit"]
    return float(np.sqrt(1 + params.exploit_loss**2 * rate * (1 - rate)))
