"""Who answers: the policy that was trained on, and the fresh one that it was shifted to."""

from __future__ import annotations

from typing import NamedTuple

from rmx.worlds.latent.params import LatentParams

__all__ = ["FLAGS", "FRESH", "Policy", "policy_of"]

FLAGS = ("lists", "flattery", "refusal", "exploit")
"""What an answer has or has not, independent of everything else."""

FRESH = "fresh_policy"
"""Slice that the fresh policy answers; the other one answers every other slice."""


class Policy(NamedTuple):
    """The law of one answer, in the units of `LatentParams`."""

    quality: float
    log_length: float
    rates: dict[str, float]
    """Chance of each of `FLAGS`."""
    new_topics: float


def policy_of(params: LatentParams, slice: str) -> Policy:
    """Return the policy that answers the prompts of a slice."""
    fresh = slice == FRESH
    rates = {
        "lists": params.list_rate * (params.fresh_lists if fresh else 1.0),
        "flattery": params.flattery_rate,
        "refusal": params.refusal_rate,
        "exploit": params.fresh_exploit_rate if fresh else params.exploit_rate,
    }
    if not fresh:
        return Policy(0.0, 0.0, rates, 0.0)
    return Policy(params.fresh_quality, params.fresh_log_length, rates, params.fresh_new_topics)
