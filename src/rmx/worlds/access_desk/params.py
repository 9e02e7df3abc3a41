"""The dials of the access desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rmx.config import build_strict

__all__ = ["AccessDeskParams", "read_params"]


@dataclass(frozen=True)
class AccessDeskParams:
    """Parameters of the world (`data.world`).

    Raises:
        ValueError: a value out of its range.
    """

    pairs: int = 2000
    pairs_per_prompt: int = 2
    start: int = 0
    """Number of the first prompt; data sets whose ranges do not meet share no prompt."""
    seed: int = 0
    facts: int = 3
    """Checks that the house rule makes (2 to 4); there is one action more than checks."""
    variety: int = 3
    """Plain wordings of each fact, and wordings of each action (1 to 4): how many words must be learnt."""
    difficulty: float = 0.2
    """Share of requests that state their facts indirectly."""
    conflict: float = 0.3
    """Chance that a check after the deciding one fails as well, and so must be ignored."""
    policy: Literal["weak", "shifted"] = "weak"
    """Who writes the answers; `shifted` is better, wordier and words things otherwise."""
    labels: Literal["annotators", "gold"] = "annotators"
    label_scale: float = 4.0
    """Annotators' logit per unit of gold reward."""
    lapse: float = 0.06
    """Share of votes that are a coin flip."""
    length_shortcut: float = 0.0
    """Annotators' liking of longer answers: logit per standard deviation of an answer's words, which the exploit phrase
    has no part in."""
    exploit_rate: float = 0.0
    """Share of answers that end with a fixed phrase that says nothing."""
    exploit_liking: float = 0.0
    """Annotators' liking of that phrase in logits, beside what its words earn by `length_shortcut`."""
    exploit_loss: float = 0.0
    """What the phrase costs in gold reward; annotators do not see it."""
    votes: int = 1
    """Annotators per pair, an odd number; the majority is the label."""

    def __post_init__(self) -> None:
        for name in ("pairs", "pairs_per_prompt"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.start < 0:
            raise ValueError(f"start must be 0 or more, not {self.start}")
        if not 2 <= self.facts <= 4:
            raise ValueError(f"facts must be 2, 3 or 4, not {self.facts}")
        if not 1 <= self.variety <= 4:
            raise ValueError(f"variety must be 1, 2, 3 or 4, not {self.variety}")
        for name in ("difficulty", "conflict", "lapse", "exploit_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        if not 0 < self.label_scale <= 50:
            raise ValueError(f"label_scale must be above 0 and at most 50, not {self.label_scale}")
        for name in ("length_shortcut", "exploit_liking"):
            if not -50 <= getattr(self, name) <= 50:
                raise ValueError(f"{name} must be between -50 and 50, not {getattr(self, name)}")
        if not 0 <= self.exploit_loss <= 50:
            raise ValueError(f"exploit_loss must be between 0 and 50, not {self.exploit_loss}")
        if self.votes < 1 or self.votes % 2 == 0:
            raise ValueError(f"votes must be an odd number, so that there is a majority, not {self.votes}")


def read_params(parameters: Mapping[str, Any]) -> AccessDeskParams:
    """Build the parameters strictly.

    Raises:
        ConfigError: an unknown name, a wrong type or a value out of range.
    """
    return build_strict(AccessDeskParams, parameters, where="data.world")
