"""The reward under audit: what it reads of an answer, rightly or wrongly, and how it is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from rmx.config import build_strict
from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.responses import Prompts, Responses
from rmx.worlds.latent.streams import Floats

__all__ = ["LatentReward", "Weights", "baseline_weights", "read_latent_reward"]


class Weights(NamedTuple):
    """A scorer that is linear in the features of an answer; a feature is as in `Responses`."""

    topical: float = 0.0
    general: float = 0.0
    length: float = 0.0
    lists: float = 0.0
    flattery: float = 0.0
    refusal: float = 0.0
    exploit: float = 0.0
    noise: float = 0.0
    new_topic: float = 1.0
    """Factor of `topical` and `general` on topics that training had none of."""
    offset: float = 0.0
    difficulty: float = 0.0
    prompt_offset: float = 0.0

    def score(self, responses: Responses, prompts: Prompts) -> Floats:
        """Return the scores of the answers, of their shape."""
        known = 1 + (self.new_topic - 1) * prompts.new_topic
        read = known * (self.topical * responses.topical + self.general * responses.general)
        style = sum(getattr(self, name) * getattr(responses, name) for name in Responses._fields[2:])
        of_prompt = self.difficulty * prompts.difficulty + self.prompt_offset * prompts.offset
        return np.asarray(read + style + of_prompt + self.offset)


@dataclass(frozen=True, kw_only=True)
class LatentReward:
    """The reward under audit. It reads quality and is blind to what the exploit token costs in gold.

    Raises:
        ValueError: a value out of its range.
    """

    quality: float = 1.0
    """Weight of quality; the others are per unit of their feature, before `temperature`."""
    length: float = 0.0
    lists: float = 0.0
    flattery: float = 0.0
    refusal: float = 0.0
    exploit: float = 0.0
    """h: what the exploit token gains."""
    prompt_weight: float = 1.0
    """1 reads the prompt, 0 sees the answer alone."""
    new_topic_weight: float = 1.0
    """Factor of quality on topics that training had none of."""
    noise: float = 0.3
    """SD of what is taken for quality and is none."""
    temperature: float = 1.0
    """Factor of all rewards, at any scoring: above 1 over-confident."""
    drift: float = 1.0
    """Factor by which all rewards have grown since an earlier scoring of the same texts."""
    offset: float = 0.0
    """What has been added to all of them since then."""
    prompt_offset: float = 0.0
    """SD of a constant per prompt."""
    pad_bug: float = 0.0
    """SD of the error that padding adds to the score of the shorter answer of a pair."""
    rescoring: float = 0.02
    """SD of what differs between two scorings of a text, as rounding does."""
    edit_noise: float = 0.3
    """SD of what an edit of the answer changes beside the edited feature."""
    perturbation: float = 0.1
    """SD of what an edit that keeps the meaning changes."""
    degenerate: float = -5.0
    """Reward of a text that says nothing, `offset` aside."""
    degenerate_noise: float = 0.3

    def __post_init__(self) -> None:
        for name in ("noise", "prompt_offset", "pad_bug", "rescoring", "edit_noise", "perturbation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is a standard deviation of 0 or more, not {getattr(self, name)}")
        for name in ("temperature", "drift"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.prompt_weight <= 1:
            raise ValueError(f"prompt_weight is between 0 and 1, not {self.prompt_weight}")

    @property
    def factor(self) -> float:
        """What everything but `offset` is multiplied by."""
        return self.temperature * self.drift

    @property
    def reference(self) -> LatentReward:
        """The same reward as it was before its scale moved, and without padding or rounding."""
        return replace(self, drift=1.0, offset=0.0, pad_bug=0.0, rescoring=0.0)

    @property
    def weights(self) -> Weights:
        """This reward as a linear scorer."""
        quality = self.factor * self.quality
        return Weights(
            topical=quality * self.prompt_weight,
            general=quality,
            length=self.factor * self.length,
            lists=self.factor * self.lists,
            flattery=self.factor * self.flattery,
            refusal=self.factor * self.refusal,
            exploit=self.factor * self.exploit,
            noise=self.factor * self.noise,
            new_topic=self.new_topic_weight,
            offset=self.offset,
            difficulty=quality * self.prompt_weight,
            prompt_offset=self.factor * self.prompt_offset,
        )


def read_latent_reward(parameters: Mapping[str, Any]) -> LatentReward:
    """Build the reward strictly.

    Raises:
        ConfigError: an unknown name, a wrong type or a value out of range.
    """
    return build_strict(LatentReward, parameters, where="latent.reward")


def baseline_weights(params: LatentParams) -> dict[str, Weights]:
    """Return the rules that understand nothing: longer, shorter, and the best linear rule of the answer alone.

    That rule, in the place of a bag of words, predicts the logit of annotators from the answer: E[quality | general,
    length] by the regression of normal variables, and every liking of theirs.
    """
    rho, hidden = params.length_quality, 1 - params.general
    # Length tells of the hidden part of quality beyond what `general` has told already.
    slope = rho * hidden / (rho**2 * hidden + 1 - rho**2)
    return {
        "longer": Weights(length=1.0),
        "shorter": Weights(length=-1.0),
        "bag_of_words": Weights(
            general=1 - slope * rho,
            length=slope + params.length_liking,
            lists=params.list_liking,
            flattery=params.flattery_liking,
            exploit=-params.exploit_loss if params.exploit_rate else 0.0,
        ),
    }
