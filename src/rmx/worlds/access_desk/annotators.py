"""Simulated annotators: Bradley-Terry in gold reward and, where dialled in, in length; sometimes a coin flip."""

from __future__ import annotations

import math

from rmx.worlds.access_desk.params import AccessDeskParams
from rmx.worlds.draws import Draws

__all__ = ["count_votes", "majority_probability", "vote_probability"]


def vote_probability(params: AccessDeskParams, gold: float, words_sd: float) -> float:
    """Return the probability that one annotator prefers the first of two answers.

    P = (1 - lapse) / (1 + exp(-(label_scale * gold + length_shortcut * words_sd))) + lapse / 2

    Args:
        params: The world's parameters.
        gold: Gold reward of the first answer minus that of the second.
        words_sd: Words of the first answer minus those of the second, in standard deviations of an answer's words.
    """
    logit = params.label_scale * gold + params.length_shortcut * words_sd
    return (1 - params.lapse) / (1 + math.exp(-max(-700.0, logit))) + params.lapse / 2


def majority_probability(vote: float, votes: int) -> float:
    """Return the probability that most of an odd number of independent votes, each with chance `vote`, agree."""
    return sum(math.comb(votes, k) * vote**k * (1 - vote) ** (votes - k) for k in range(votes // 2 + 1, votes + 1))


def count_votes(draws: Draws, params: AccessDeskParams, vote: float) -> int:
    """Return how many of the annotators prefer the first answer."""
    return sum(draws.chance(f"annotator/{k}", vote) for k in range(params.votes))
