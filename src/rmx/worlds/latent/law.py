"""The exact law of a pair: how the logit of its label, its difference in length and its margin go together.

Given the flags of both answers all three are jointly normal, so every expectation is a sum over flags of a
Gauss-Legendre quadrature over the logit, given which margin and length are normal again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from rmx.worlds.latent.annotators import kinds_of, unanimous, vote_law, wins
from rmx.worlds.latent.pairs import labelled_by_gold
from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.policy import FLAGS, Policy, policy_of
from rmx.worlds.latent.reward import Weights
from rmx.worlds.latent.streams import Floats

__all__ = ["PairLaw", "pair_law"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
REACH = 8.0
"""Standard deviations to which a normal law is followed: what lies beyond is below 1e-14."""


@dataclass(frozen=True)
class PairLaw:
    """Nodes over all pairs, arrays of shape (nodes,); the margin is that of the first answer over the second."""

    weight: Floats
    """Probability of the node; they sum to 1."""
    first: Floats
    """Chance that the label chooses the first answer."""
    second: Floats
    first_unanimous: Floats
    """Chance that it does so with every vote cast."""
    second_unanimous: Floats
    vote_first: Floats
    """Chance that one vote that is asked for is for the first answer."""
    vote_second: Floats
    mean: Floats
    """Mean of the margin, which is normal at a node."""
    sd: Floats
    length_mean: Floats
    """Mean of log length of the first minus that of the second answer, normal too, in SD of one."""
    length_sd: Floats
    correlation: Floats
    """Correlation of margin and length at a node."""
    level: Floats
    """Mean of the two rewards' sum."""
    level_variance: Floats
    """Variance of that sum."""

    @property
    def labelled(self) -> float:
        """Share of pairs that have a label."""
        return float(self.weight @ (self.first + self.second))


class _Flags(NamedTuple):
    """What the two answers have, first minus second, and the law of its sum."""

    chance: float
    difference: dict[str, float]
    total: dict[str, float]
    """Expected sum of both answers' flags."""
    total_variance: dict[str, float]
    new_topic: bool


def _flags(params: LatentParams, policy: Policy, scorer: Weights) -> Iterator[_Flags]:
    """Yield the combinations of flags; one that neither annotators nor the scorer mind is taken to be never there."""
    minded = {
        "lists": params.list_liking or params.taste,
        "flattery": params.flattery_liking,
        "refusal": 0.0,
        "exploit": params.exploit_loss,
    }
    options = []
    for flag in FLAGS:
        p = policy.rates[flag] if minded[flag] or getattr(scorer, flag) else 0.0
        same = p * p + (1 - p) ** 2
        both = p * p / same
        options.append(
            [(same, 0.0, 2 * both, 4 * both * (1 - both)), (p * (1 - p), 1.0, 1.0, 0.0), (p * (1 - p), -1.0, 1.0, 0.0)]
        )
    for new_topic, of_topic in ((False, 1 - policy.new_topics), (True, policy.new_topics)):
        for case in product(*options):
            chance = float(np.prod([part[0] for part in case])) * of_topic
            if chance > 0:
                columns = [dict(zip(FLAGS, column, strict=True)) for column in zip(*(c[1:] for c in case), strict=True)]
                yield _Flags(chance, columns[0], columns[1], columns[2], new_topic)


def pair_law(params: LatentParams, slice: str, scorer: Weights, *, margin_noise: float = 0.0) -> PairLaw:
    """Return the law of the pairs of a slice under a linear scorer.

    Args:
        params: The world.
        slice: The slice.
        scorer: The scorer.
        margin_noise: SD of what is added to each margin beside `scorer.noise`.
    """
    by_gold, policy = labelled_by_gold(params, slice), policy_of(params, slice)
    parts = [_nodes(params, policy, flags, scorer, margin_noise, by_gold) for flags in _flags(params, policy, scorer)]
    return PairLaw(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _nodes(
    params: LatentParams, policy: Policy, flags: _Flags, scorer: Weights, margin_noise: float, by_gold: bool
) -> tuple[Floats, ...]:
    """Return the nodes of one combination of flags, columns as in `PairLaw`."""
    rho, general = params.length_quality, params.general
    known = scorer.new_topic if flags.new_topic else 1.0
    # Differences are linear in four independent normals of variance 2: topical, general, length's own part, noise.
    topical, seen, apart = np.sqrt(1 - general), np.sqrt(general), np.sqrt(1 - rho**2)
    to_gold = np.array([topical, seen, 0.0, 0.0])
    to_length = np.array([rho * topical, rho * seen, apart, 0.0])
    to_margin = np.array([known * scorer.topical * topical, known * scorer.general * seen, 0.0, scorer.noise])
    to_margin = to_margin + scorer.length * to_length
    scale, liking = (1.0, 0.0) if by_gold else (params.label_scale, params.length_liking)
    to_logit = scale * (to_gold + liking * to_length)
    difference = flags.difference
    gold = -params.exploit_loss * difference["exploit"]
    likings = params.list_liking * difference["lists"] + params.flattery_liking * difference["flattery"]
    logit_mean = scale * (gold + (0.0 if by_gold else likings))
    margin_mean = sum(getattr(scorer, flag) * difference[flag] for flag in FLAGS)

    def spread(first: Floats, second: Floats) -> float:
        return 2 * float(first @ second)

    # Regression on the logit: what is left of length and margin is normal and independent of it.
    variance = spread(to_logit, to_logit)
    on_logit = {"length": spread(to_length, to_logit) / variance, "margin": spread(to_margin, to_logit) / variance}
    length_rest = max(0.0, spread(to_length, to_length) - on_logit["length"] ** 2 * variance)
    margin_rest = max(0.0, spread(to_margin, to_margin) - on_logit["margin"] ** 2 * variance) + margin_noise**2
    together = spread(to_margin, to_length) - on_logit["margin"] * on_logit["length"] * variance
    scale_of_rest = np.sqrt(length_rest * margin_rest)
    breaks = _breaks(params, difference["lists"])
    if on_logit["margin"]:
        turn = logit_mean - margin_mean / on_logit["margin"]
        width = np.sqrt(margin_rest) / abs(on_logit["margin"])
        breaks += tuple(float(turn + k * width) for k in (-7, -3, 0, 3, 7))
    logit, weight = _grid(logit_mean, float(np.sqrt(variance)), breaks)

    labels = _labels(params, logit, difference["lists"], by_gold)
    shift = known * scorer.general * policy.quality + scorer.length * policy.log_length
    level = 2 * (scorer.offset + shift) + sum(getattr(scorer, flag) * flags.total[flag] for flag in FLAGS)
    of_flags = sum(getattr(scorer, flag) ** 2 * flags.total_variance[flag] for flag in FLAGS)
    of_prompt = 4 * ((scorer.difficulty * params.difficulty) ** 2 + scorer.prompt_offset**2)
    level_variance = spread(to_margin, to_margin) + margin_noise**2 + of_flags + of_prompt
    from_mean, ones = logit - logit_mean, np.ones_like(logit)
    return (
        flags.chance * weight,
        *labels,
        margin_mean + on_logit["margin"] * from_mean,
        np.sqrt(margin_rest) * ones,
        on_logit["length"] * from_mean,
        np.sqrt(length_rest) * ones,
        (together / scale_of_rest if scale_of_rest > 0 else 0.0) * ones,
        level * ones,
        level_variance * ones,
    )


def _breaks(params: LatentParams, lists: float) -> tuple[float, ...]:
    """Return the logits at which the chance of a label has a jump or a bend; a scorer turns round within a few more."""
    own = {params.label_scale * kind.taste * lists for kind in kinds_of(params)}
    return (0.0, *(side * params.tie - shift for shift in own for side in (1, -1)))


def _labels(params: LatentParams, logit: Floats, lists: float, by_gold: bool) -> tuple[Floats, ...]:
    """Return the chances of both labels, of both with every vote cast, and of a vote for either answer."""
    if by_gold:
        first = (logit > 0).astype(np.float64)
        return first, 1 - first, first, 1 - first, first, 1 - first
    votes = vote_law(params, logit, np.full_like(logit, lists))
    return (
        wins(params.votes, *votes), wins(params.votes, *votes[::-1]),
        unanimous(params, votes[0]), unanimous(params, votes[1]), *votes,
    )  # fmt: skip


def _grid(mean: float, sd: float, breaks: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return nodes and weights of a normal law, Gauss-Legendre between breaks and every four standard deviations."""
    low, high = mean - REACH * sd, mean + REACH * sd
    edges = np.unique([*np.linspace(low, high, 5), *(edge for edge in breaks if low < edge < high)])
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    x = (middle[:, None] + half[:, None] * NODES).ravel()
    density = np.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi))
    return x, (half[:, None] * WEIGHTS).ravel() * density
