"""Ordered logit: a graded preference whose latent margin has logistic noise, cut by trained thresholds.

With one grade and no ties it is Bradley-Terry, with one grade and ties Rao-Kupper.
"""

from __future__ import annotations

import torch
from scipy.special import logit
from torch import Tensor
from torch.nn.functional import logsigmoid

from rmx.config.schema import LossConfig
from rmx.data.sequences import PairSet
from rmx.loss.base import Loss
from rmx.loss.cumulative import CumulativeLoss, Noise

__all__ = ["LOGISTIC", "ordered_logit_loss"]


def _log_interval(a: Tensor, b: Tensor) -> Tensor:
    # sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - e^(b - a)): nothing cancels.
    return logsigmoid(a) + logsigmoid(-b) + torch.log(-torch.expm1(b - a))


LOGISTIC = Noise(logsigmoid, _log_interval, logit)


def ordered_logit_loss(config: LossConfig, pairs: PairSet) -> Loss:
    """Return the loss, started from the shares of the grades in `pairs`."""
    return CumulativeLoss(LOGISTIC, pairs.grade_shares(), center=config.center)
