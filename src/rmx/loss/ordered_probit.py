"""Ordered probit: a graded preference whose latent margin has normal noise, cut by trained thresholds.

Aitchison and Silvey 1957; with one grade and no ties Thurstone's case V (1927). The noise has standard deviation 1.702,
not 1, because Phi(x / 1.702) is the logistic function to .0095 (Camilli 1994): rewards stay in logits, as calibration,
temperature and every other loss read them. Divide rewards and thresholds by 1.702 for noise of standard deviation 1.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor
from torch.special import log_ndtr

from rmx.config.schema import LossConfig
from rmx.data.sequences import PairSet
from rmx.loss.base import Loss
from rmx.loss.cumulative import CumulativeLoss, Noise

__all__ = ["NORMAL", "SCALE", "ordered_probit_loss"]

SCALE = 1.702
"""Standard deviation of the noise, in logits."""


def _log_cdf(x: Tensor) -> Tensor:
    value: Tensor = log_ndtr(x / SCALE)
    return value


def _log_interval(a: Tensor, b: Tensor) -> Tensor:
    # Both ends in the lower tail, where log F keeps its digits: Phi(a) - Phi(b) = Phi(-b) - Phi(-a).
    upper = a + b > 0
    a, b = torch.where(upper, -b, a), torch.where(upper, -a, b)
    log_a = _log_cdf(a)
    return log_a + torch.log(-torch.expm1(_log_cdf(b) - log_a))


def _quantile(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(SCALE * ndtri(share))


NORMAL = Noise(_log_cdf, _log_interval, _quantile)


def ordered_probit_loss(config: LossConfig, pairs: PairSet) -> Loss:
    """Return the loss, started from the shares of the grades in `pairs`."""
    return CumulativeLoss(NORMAL, pairs.grade_shares(), center=config.center)
