"""Davidson: Bradley-Terry with ties that keeps Luce's choice axiom: given that it is no tie, it is Bradley-Terry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rmx.config.schema import LossConfig
from rmx.data.batch import MicroBatch
from rmx.data.sequences import PairSet
from rmx.loss.base import Loss, LossTerms

__all__ = ["Davidson", "davidson", "davidson_loss"]


def davidson(
    chosen: Tensor,
    rejected: Tensor,
    *,
    tied: Tensor,
    log_nu: Tensor,
    flip: Tensor | float = 0.0,
    center: float = 0.0,
) -> LossTerms:
    r"""Return the negative log-likelihood of each comparison or tie and its centring penalty.

    With pi = exp(reward), P(i beats j) = pi_i / (pi_i + pi_j + nu sqrt(pi_i pi_j)) and P(tie) is nu sqrt(pi_i pi_j)
    over the same sum; nu -> 0 is Bradley-Terry. Source: Davidson 1970, JASA 65.

    Args:
        chosen: Rewards of the preferred completions, (p,); of a tie, of either.
        rejected: Those of the others, (p,).
        tied: bool (p,).
        log_nu: log nu, one number.
        flip: Probability q that the side is the other one, (p,) or one number; a tie does not read it.
        center: Weight of the centring term (chosen + rejected)^2.
    """
    half = 0.5 * (chosen - rejected)
    log_sum = torch.logsumexp(torch.stack([half, -half, log_nu.expand_as(half)]), 0)
    ranking = log_sum - torch.where(tied, log_nu, (1.0 - 2.0 * flip) * half)
    return LossTerms(ranking, center * (chosen + rejected).square())


class Davidson(Loss):
    """`davidson` of every comparison, log nu trained."""

    def __init__(self, tie_share: float, *, center: float = 0.0) -> None:
        """Start from the nu that gives the share of ties where all rewards are equal: share = nu / (2 + nu)."""
        super().__init__()
        self.center = center
        self.log_nu = nn.Parameter(torch.tensor([math.log(2.0 * tie_share / (1.0 - tie_share))]))

    def forward(self, rewards: Tensor, micro: MicroBatch) -> tuple[LossTerms, Tensor]:
        """Return the terms of the micro-batch's comparisons, and their weights."""
        chosen, rejected = rewards[micro.chosen], rewards[micro.rejected]
        tied = micro.grade == 0
        terms = davidson(chosen, rejected, tied=tied, log_nu=self.log_nu, flip=micro.flip, center=self.center)
        return terms, micro.weight

    def facts(self) -> Mapping[str, Any]:
        """Return nu."""
        return {"nu": self.log_nu.exp().item()}


def davidson_loss(config: LossConfig, pairs: PairSet) -> Loss:
    """Return the loss, started from the share of ties in `pairs`."""
    return Davidson(pairs.grade_shares()[0], center=config.center)
