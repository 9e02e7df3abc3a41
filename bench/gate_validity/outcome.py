"""What becomes of gold when a policy is optimised against a reward: exactly, by best-of-n and by exponential tilting.

Given its flags an answer's proxy and gold are jointly normal, so both curves are integrals over the proxy (as in
`rmx.worlds.latent.best_of_n`). Best-of-n has KL log n - (n - 1)/n; tilting by exp(b r) has KL b E[r] - log Z, the
optimum of a policy under a KL penalty.
"""

from __future__ import annotations

from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.latent import LatentParams, LatentReward
from rmx.worlds.latent.policy import FLAGS, FRESH, policy_of

__all__ = ["Outcome", "optimise"]

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


class _Answers(NamedTuple):
    """Law of the answers to one kind of prompt over a grid of proxies."""

    proxy: Floats
    density: Floats
    gold: Floats
    """E[gold | proxy] times the density."""


def optimise(params: LatentParams, reward: LatentReward) -> Outcome:
    """Optimise the fresh policy against the reward, on known and on new topics in their shares."""
    share = policy_of(params, FRESH).new_topics
    kinds = [(1 - share, 1.0), (share, reward.new_topic_weight)]
    laws = [(weight, _answers(params, reward, known)) for weight, known in kinds if weight > 0]
    ways = [np.array([_best_of(law, n) for n in _sizes()]) for _, law in laws]
    tilted = [np.array(_tilts(law)) for _, law in laws]
    weights = [weight for weight, _ in laws]
    curves = [sum(w * c for w, c in zip(weights, of_way, strict=True)) for of_way in (ways, tilted)]
    spread = _gold_sd(params)
    end = min(float(curve[-1] - curve[0]) for curve in curves) / spread
    fall = max(float((np.maximum.accumulate(curve) - curve).max()) for curve in curves) / spread
    kind: Literal["sound", "harmful", "between"] = "between"
    if end < 0 or fall > HARM:
        kind = "harmful"
    elif fall <= DIP and end > 0:
        kind = "sound"
    return Outcome(kind, end, fall)


def _answers(params: LatentParams, reward: LatentReward, known: float) -> _Answers:
    from scipy.stats import norm

    policy, weights, rho = policy_of(params, FRESH), reward.weights, params.length_quality
    topical, seen, apart = np.sqrt(1 - params.general), np.sqrt(params.general), np.sqrt(1 - rho**2)
    to_gold = np.array([topical, seen, 0.0, 0.0])
    to_length = np.array([rho * topical, rho * seen, apart, 0.0])
    of_quality = known * np.array([weights.topical * topical, weights.general * seen, 0.0, 0.0])
    to_proxy = of_quality + weights.length * to_length + np.array([0.0, 0.0, 0.0, weights.noise])
    sd = float(np.sqrt(to_proxy @ to_proxy))
    slope = float(to_gold @ to_proxy) / sd**2
    base = known * weights.general * policy.quality + weights.length * policy.log_length
    cases = []
    for flags in product((0, 1), repeat=len(FLAGS)):
        has = dict(zip(FLAGS, flags, strict=True))
        chance = float(np.prod([policy.rates[f] if has[f] else 1 - policy.rates[f] for f in FLAGS]))
        if chance > 0:
            mean = base + sum(getattr(weights, f) * has[f] for f in FLAGS)
            cases.append((chance, mean, policy.quality - params.exploit_loss * has["exploit"]))
    means = [mean for _, mean, _ in cases]
    # A tilted normal moves by b sd² without end in the grid's sense: twelve SD hold it at these KL.
    x = np.linspace(min(means) - 8 * sd, max(means) + 12 * sd, 6_001)
    parts = [chance * norm.pdf(x, mean, sd) for chance, mean, _ in cases]
    gold = sum(part * (worth + slope * (x - mean)) for part, (_, mean, worth) in zip(parts, cases, strict=True))
    return _Answers(x, np.sum(parts, axis=0), np.asarray(gold))


def _sizes() -> Floats:
    """Return sizes n from 1 on, up to the KL budget; n need not be whole."""
    sizes = np.geomspace(1, 200, 400)
    kl = np.log(sizes) - (sizes - 1) / sizes
    return sizes[kl <= KL]


def _best_of(law: _Answers, n: float) -> float:
    step = law.proxy[1] - law.proxy[0]
    below = np.clip(np.cumsum(law.density) * step, 0.0, 1.0)
    winner = n * below ** (n - 1)
    return float(winner @ law.gold / (winner @ law.density))


def _tilts(law: _Answers) -> list[float]:
    """Return gold at 60 even steps of KL from 0 to the budget."""
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
