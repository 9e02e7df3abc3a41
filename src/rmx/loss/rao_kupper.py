"""Rao-Kupper: Bradley-Terry with ties, whose threshold an annotator needs to tell two completions apart.

With pi = exp(reward), P(i beats j) = pi_i / (pi_i + theta pi_j), theta > 1, and
P(tie) = (theta^2 - 1) pi_i pi_j / ((pi_i + theta pi_j) (pi_j + theta pi_i)) (Rao and Kupper 1967, JASA 62).
P(i beats j) = sigma(d - log theta): it is the cumulative logit of one grade with ties, and that is how it is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.config.schema import LossConfig
from rmx.data.sequences import PairSet
from rmx.loss.base import Loss
from rmx.loss.cumulative import CumulativeLoss
from rmx.loss.ordered_logit import LOGISTIC

__all__ = ["RaoKupper", "rao_kupper_loss"]


class RaoKupper(CumulativeLoss):
    """Rao-Kupper of every comparison, log theta trained as the exponential of a free parameter."""

    def __init__(self, tie_share: float, *, center: float = 0.0) -> None:
        """Start from the theta that gives the share of ties where all rewards are equal."""
        super().__init__(LOGISTIC, (tie_share, 1.0 - tie_share), center=center)

    def facts(self) -> Mapping[str, Any]:
        """Return theta."""
        return {"theta": self.cuts.exp().item()}


def rao_kupper_loss(config: LossConfig, pairs: PairSet) -> Loss:
    """Return the loss, started from the share of ties in `pairs`."""
    return RaoKupper(pairs.grade_shares()[0], center=config.center)
