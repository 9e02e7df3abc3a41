"""Losses: what was observed of completions, as a function of their rewards; one file each, chosen by `loss.kind`."""

from __future__ import annotations

from collections.abc import Callable

from rmx.config.schema import LossConfig
from rmx.data.sequences import PairSet
from rmx.loss.base import Loss, LossTerms
from rmx.loss.bradley_terry import BradleyTerry, bradley_terry, bradley_terry_loss
from rmx.loss.davidson import davidson_loss
from rmx.loss.ordered_logit import ordered_logit_loss
from rmx.loss.ordered_probit import ordered_probit_loss
from rmx.loss.plackett_luce import plackett_luce_loss
from rmx.loss.rao_kupper import rao_kupper_loss

__all__ = ["LOSSES", "BradleyTerry", "Loss", "LossTerms", "bradley_terry", "build_loss"]

LOSSES: dict[str, Callable[[LossConfig, PairSet], Loss]] = {
    "bt": bradley_terry_loss,
    "plackett_luce": plackett_luce_loss,
    "rao_kupper": rao_kupper_loss,
    "davidson": davidson_loss,
    "ordered_logit": ordered_logit_loss,
    "ordered_probit": ordered_probit_loss,
}


def build_loss(config: LossConfig, pairs: PairSet) -> Loss:
    """Return the loss that `loss.kind` names; what it trains starts from the shares of ties and grades in `pairs`."""
    return LOSSES[config.kind](config, pairs)
