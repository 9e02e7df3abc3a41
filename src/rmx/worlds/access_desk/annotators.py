"""Simulated annotators: Bradley-Terry in merit and, where dialled in, in length and a phrase; sometimes a coin flip."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.access_desk.answer import Outcome
from rmx.worlds.access_desk.params import AccessDeskParams
from rmx.worlds.draws import Draws

__all__ = ["count_votes", "logit", "majority_probability", "taught", "vote_probability"]

Words = TypeVar("Words", float, NDArray[np.float64])


def logit(params: AccessDeskParams, merit: float, words_sd: Words, exploits: int) -> Words:
    """Return how much annotators like an answer, in logits; of two answers, differences give that of their difference.

    logit = label_scale * merit + length_shortcut * words_sd + exploit_liking * exploits

    Args:
        params: The world's parameters.
        merit: Gold reward but for what the exploit phrase costs, which annotators do not see.
        words_sd: Words, in standard deviations of an answer's words (`lengths.words_sd`).
        exploits: 1 with the exploit phrase, 0 without.
    """
    return params.label_scale * merit + params.length_shortcut * words_sd + params.exploit_liking * exploits


def taught(params: AccessDeskParams, outcome: Outcome, words_sd: Words) -> Words:
    """Return the reward that the labels teach of an answer: annotators' logit; gold itself, where gold labels.

    Gold labels tell no more of gold than its order. Arguments as those of `logit`, not differences.
    """
    if params.labels == "gold":
        return outcome.gold(params.exploit_loss) + 0 * words_sd
    return logit(params, outcome.merit, words_sd, int(outcome.exploits))


def vote_probability(params: AccessDeskParams, merit: float, words_sd: float, exploits: int) -> float:
    """Return the probability that one annotator prefers the first of two answers.

    P = (1 - lapse) / (1 + exp(-logit)) + lapse / 2

    Args:
        params: The world's parameters.
        merit: As the other two, those of the first answer minus those of the second, as `logit` has them.
        words_sd: Likewise.
        exploits: Likewise.
    """
    liked = logit(params, merit, words_sd, exploits)
    return (1 - params.lapse) / (1 + math.exp(-max(-700.0, liked))) + params.lapse / 2


def majority_probability(vote: float, votes: int) -> float:
    """Return the probability that most of an odd number of independent votes, each with chance `vote`, agree."""
    return sum(math.comb(votes, k) * vote**k * (1 - vote) ** (votes - k) for k in range(votes // 2 + 1, votes + 1))


def count_votes(draws: Draws, params: AccessDeskParams, vote: float) -> int:
    """Return how many of the annotators prefer the first answer."""
    return sum(draws.chance(f"annotator/{k}", vote) for k in range(params.votes))
