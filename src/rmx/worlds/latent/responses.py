"""Answers as features: what an annotator likes, what a reward reads, and how long they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.policy import FLAGS, policy_of
from rmx.worlds.latent.streams import Floats, Streams

__all__ = ["LOG_TOKENS_SD", "Prompts", "Responses", "draw_prompts", "draw_responses", "tokens"]

TYPICAL_TOKENS = 200
LOG_TOKENS_SD = 0.5
"""SD of log tokens: the unit of `Responses.length`."""


class Prompts(NamedTuple):
    """What all answers to a prompt share, arrays of shape (prompts,)."""

    difficulty: Floats
    """Level of gold."""
    offset: Floats
    """Standard normal; a reward may add a multiple of it, which no comparison within the prompt can see."""
    new_topic: Floats
    """1 where training had no such topic."""

    def take(self, rows: NDArray[np.int64]) -> Prompts:
        """Return the prompts of these rows."""
        return Prompts(*(column[rows] for column in self))


class Responses(NamedTuple):
    """Answers, arrays of one shape."""

    topical: Floats
    """What only who reads the prompt can see of the quality: its part of it, in units of gold SD."""
    general: Floats
    """What the answer alone shows of the quality, in units of gold SD."""
    length: Floats
    """Log tokens in their SD, 0 for an answer of typical length."""
    lists: Floats
    flattery: Floats
    refusal: Floats
    exploit: Floats
    noise: Floats
    """What the reward under audit takes for quality and is none, standard normal."""

    @property
    def quality(self) -> Floats:
        """What an answer is worth but for the exploit token and the prompt's level."""
        return self.topical + self.general

    def gold(self, params: LatentParams, prompts: Prompts) -> Floats:
        """Return the gold reward."""
        return self.quality - params.exploit_loss * self.exploit + prompts.difficulty

    def take(self, rows: NDArray[np.int64]) -> Responses:
        """Return the answers of these rows."""
        return Responses(*(column[rows] for column in self))

    def or_else(self, keep: NDArray[np.bool_], other: Responses) -> Responses:
        """Return these answers where `keep` is true and those of `other` elsewhere."""
        return Responses(*(np.where(keep, mine, theirs) for mine, theirs in zip(self, other, strict=True)))


def draw_prompts(streams: Streams, params: LatentParams, slice: str, count: int) -> Prompts:
    """Return the prompts of a slice."""
    return Prompts(
        difficulty=params.difficulty * streams.normal("difficulty", count),
        offset=streams.normal("offset", count),
        new_topic=streams.chance("new topic", count, policy_of(params, slice).new_topics),
    )


def draw_responses(streams: Streams, params: LatentParams, slice: str, count: int) -> Responses:
    """Return one answer to each of `count` prompts of a slice."""
    policy = policy_of(params, slice)
    topical = np.sqrt(1 - params.general) * streams.normal("topical", count)
    general = np.sqrt(params.general) * streams.normal("general", count)
    apart = np.sqrt(1 - params.length_quality**2) * streams.normal("length", count)
    return Responses(
        topical=topical,
        general=general + policy.quality,
        length=params.length_quality * (topical + general) + apart + policy.log_length,
        noise=streams.normal("noise", count),
        **{flag: streams.chance(flag, count, policy.rates[flag]) for flag in FLAGS},
    )


def tokens(responses: Responses) -> NDArray[np.int64]:
    """Return the tokens of the answers, whole numbers of at least 1."""
    typical = TYPICAL_TOKENS * np.exp(LOG_TOKENS_SD * responses.length)
    return np.asarray(np.maximum(1, np.rint(typical)), dtype=np.int64)
