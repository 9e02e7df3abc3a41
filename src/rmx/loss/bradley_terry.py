"""Bradley-Terry with target margin, soft labels and centring."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rmx.config.schema import LossConfig
from rmx.data.batch import MicroBatch
from rmx.data.sequences import PairSet
from rmx.loss.base import Loss, LossTerms

__all__ = ["BradleyTerry", "bradley_terry", "bradley_terry_loss"]


def bradley_terry(
    chosen: Tensor,
    rejected: Tensor,
    *,
    margin: Tensor | float = 0.0,
    flip: Tensor | float = 0.0,
    center: float = 0.0,
) -> LossTerms:
    r"""Return the negative log-likelihood of each comparison and its centring penalty.

    With d = chosen - rejected, target margin m and flip probability q:

    ranking = -(1 - q) log sigma(d - m) - q log sigma(m - d), centering = center * (chosen + rejected)^2.

    The ranking term does not change when a constant is added to every reward; it does when rewards are scaled.
    Sources: Bradley and Terry 1952; target margin, Llama 2 (arXiv:2307.09288, section 3.2.2); centring, Eisenstein
    et al. (arXiv:2312.09244), as in TRL's `center_rewards_coefficient`.

    Args:
        chosen: Rewards of the preferred completions, (p,).
        rejected: Rewards of the others, (p,).
        margin: Target margin m, in reward units, (p,) or one number.
        flip: Probability q that the label is the other way round, in [0, 1], (p,) or one number.
        center: Weight of the centring term.

    Raises:
        ValueError: The rewards are not two vectors of one length (a silent broadcast would average over all pairs).
    """
    if chosen.ndim != 1 or chosen.shape != rejected.shape:
        raise ValueError(
            f"rewards must be two vectors of one length, not {tuple(chosen.shape)} and {tuple(rejected.shape)}"
        )
    for name, value in (("margin", margin), ("flip", flip)):
        if isinstance(value, Tensor) and value.shape not in (chosen.shape, torch.Size([])):
            raise ValueError(f"{name} must be one number or one a pair, not {tuple(value.shape)}")
    excess = chosen.float() - rejected.float() - margin
    ranking = -(1.0 - flip) * logsigmoid(excess) - flip * logsigmoid(-excess)
    centering = center * (chosen.float() + rejected.float()).square()
    return LossTerms(ranking, centering)


class BradleyTerry(Loss):
    """`bradley_terry` of every comparison, with its target margin and the flip probability of its label."""

    def __init__(self, *, center: float = 0.0) -> None:
        super().__init__()
        self.center = center

    def forward(self, rewards: Tensor, micro: MicroBatch) -> tuple[LossTerms, Tensor]:
        """Return the terms of the micro-batch's comparisons, and their weights."""
        chosen, rejected = rewards[micro.chosen], rewards[micro.rejected]
        terms = bradley_terry(chosen, rejected, margin=micro.margin, flip=micro.flip, center=self.center)
        return terms, micro.weight


def bradley_terry_loss(config: LossConfig, pairs: PairSet) -> Loss:
    """Return the loss of the configuration."""
    return BradleyTerry(center=config.center)
