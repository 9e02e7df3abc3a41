"""The dials of the latent world: how many, who answers, who labels, what is planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rmx.config import build_strict

__all__ = ["LatentParams", "read_latent_params"]

_SHARES = (
    "general", "lapse", "abstain", "bad_annotators", "bad_lapse", "flippers", "second_taste", "list_rate",
    "flattery_rate", "refusal_rate", "exploit_rate", "fresh_exploit_rate", "fresh_new_topics", "leaks",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LatentParams:
    """Parameters of the world. Gold has standard deviation 1 among answers to a prompt: effects are in gold SD.

    Raises:
        ValueError: a value out of its range.
    """

    prompts: int = 1000
    """Prompts of each slice; no slice shares one with another."""
    pairs_per_prompt: int = 4
    sample_prompts: int = 0
    samples: int = 0
    """Answers to each of `sample_prompts` prompts, for best-of-n."""
    seed: int = 0

    general: float = 0.2
    """Share of the variance of quality that the answer shows without its prompt."""
    difficulty: float = 0.5
    """SD of the prompts' own level of gold, common to all their answers."""
    length_quality: float = 0.0
    """Correlation of log length and quality among answers to a prompt: legitimate, no bias."""
    list_rate: float = 0.3
    flattery_rate: float = 0.2
    refusal_rate: float = 0.05
    exploit_rate: float = 0.0
    """Share of answers with the exploit token."""
    exploit_loss: float = 1.5
    """What the exploit token costs in gold."""

    fresh_quality: float = 0.0
    """Shift of quality from the policy that was trained on to the fresh one."""
    fresh_log_length: float = 0.0
    """Shift of log length in its SD."""
    fresh_lists: float = 1.0
    """Factor of the share of answers with a list."""
    fresh_exploit_rate: float = 0.0
    fresh_new_topics: float = 0.0
    """Share of fresh prompts on topics that training had none of."""
    fresh_labels: Literal["annotators", "gold"] = "annotators"
    """Labels of the fresh slice; those of gold have no noise, so that accuracy on them is higher by nature."""

    label_scale: float = 1.0
    """Annotators' logit per gold SD."""
    lapse: float = 0.1
    """Share of an annotator's votes that are a coin flip."""
    tie: float = 0.1
    """An annotator calls it a tie where the logit is nearer to zero than this."""
    abstain: float = 0.02
    """Share of votes not cast."""
    votes: int = 3
    """Annotators asked per pair, each drawn from the pool; the majority labels, a pair without one is left out."""
    annotators: int = 20
    length_liking: float = 0.0
    """b_len: what annotators pay for one SD of log length, in gold SD."""
    list_liking: float = 0.0
    flattery_liking: float = 0.0
    bad_annotators: float = 0.0
    """Share of the pool that lapses with `bad_lapse`."""
    bad_lapse: float = 0.6
    flippers: float = 0.0
    """Share of the pool that votes for the worse answer."""
    taste: float = 0.0
    """What annotators pay for a list, in gold SD, beyond `list_liking`; those of the second taste pay the opposite."""
    second_taste: float = 0.5
    """Share of the pool with the second taste."""

    leaks: float = 0.0
    """Share of heldout prompts whose group stands in train too."""

    def __post_init__(self) -> None:
        for name in ("prompts", "pairs_per_prompt", "votes", "annotators"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("sample_prompts", "samples", "tie", "difficulty", "fresh_lists"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        if not -1 < self.length_quality < 1:
            raise ValueError(f"length_quality must lie between -1 and 1, both excluded, not {self.length_quality}")
        if not 0 < self.label_scale <= 50:
            raise ValueError(f"label_scale must be above 0 and at most 50, not {self.label_scale}")
        if self.list_rate * self.fresh_lists > 1:
            raise ValueError(f"list_rate times fresh_lists is a share, not {self.list_rate * self.fresh_lists}")


def read_latent_params(parameters: Mapping[str, Any]) -> LatentParams:
    """Build the parameters strictly.

    Raises:
        ConfigError: an unknown name, a wrong type or a value out of range.
    """
    return build_strict(LatentParams, parameters, where="latent")
