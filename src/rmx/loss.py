"""Bradley-Terry with target margin, soft labels and centring: functions of rewards, without a model or a batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["PairLoss", "bradley_terry"]


class PairLoss(NamedTuple):
    """The loss of each pair, term by term; unweighted, float32 (p,)."""

    ranking: Tensor
    centering: Tensor

    @property
    def total(self) -> Tensor:
        """float32 (p,): what is minimised, before pair weights."""
        return self.ranking + self.centering


def bradley_terry(
    chosen: Tensor,
    rejected: Tensor,
    *,
    margin: Tensor | float = 0.0,
    flip: Tensor | float = 0.0,
    center: float = 0.0,
) -> PairLoss:
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
    return PairLoss(ranking, centering)
