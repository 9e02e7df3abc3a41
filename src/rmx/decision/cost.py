"""What training on comparisons costs in floating-point operations, as counted from what ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Work", "scoring_flops_per_token", "training_flops"]


@dataclass(frozen=True, slots=True)
class Work:
    """What a training run computed, and with which weights."""

    tokens: int
    """Distinct tokens that ran in training, over all epochs."""
    completion_share: float
    """Part of them that belongs to completions."""
    epochs: float
    layer_parameters: int
    """Of the backbone without its embeddings."""
    trained_parameters: int
    trains: Literal["adapter", "all", "head"]
    hidden: int
    vocabulary: int
    implicit: bool
    """Whether the reward is read from log-probabilities (DPO) and not from a scalar head."""
    checkpointing: bool = False


def training_flops(work: Work) -> float:
    """Return the floating-point operations of training.

    A weight costs 2 a token forward, 2 for the gradient of its input and, where it trains, 2 for its own (Kaplan et al.
    2020, arXiv:2001.08361, section 2.1); attention's own products are left out, as there. A frozen trunk runs once for
    each text, whatever the epochs. Checkpointed layers run forward twice. Log-probabilities add the output matrix for
    each token of a completion, forward, again when the chunk is computed anew for its gradient, and backward; and one
    forward pass of the reference for each text.
    """
    once = work.tokens / max(1.0, work.epochs)
    layers = work.layer_parameters
    if work.trains == "head":
        return 2.0 * layers * once
    forward = 2.0 * layers * (2 if work.checkpointing else 1)
    backward = 2.0 * layers
    own = 6.0 * work.trained_parameters if work.trains == "adapter" else 2.0 * layers
    total = work.tokens * (forward + backward + own)
    if work.implicit:
        output = 2.0 * work.hidden * work.vocabulary * work.completion_share
        passes = 3 if work.trains == "adapter" else 4
        total += work.tokens * passes * output + once * (2.0 * layers + output)
    return total


def scoring_flops_per_token(work: Work) -> float:
    """Return the floating-point operations of a reward, a token: of an implicit one by the policy and the reference."""
    if not work.implicit:
        return 2.0 * work.layer_parameters
    return 2 * (2.0 * work.layer_parameters + 2.0 * work.hidden * work.vocabulary * work.completion_share)
