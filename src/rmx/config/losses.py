"""What each loss reads of the data and of the `loss` node, known without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LOSS_TRAITS", "LossTraits"]


@dataclass(frozen=True, kw_only=True)
class LossTraits:
    """What a loss makes use of; whatever it does not is refused where it is given."""

    rankings: bool = False
    """Its observation is a whole ranking, not a comparison."""
    ties: bool = False
    """A tie is an observation (`data.ties=keep`)."""
    needs_ties: bool = False
    """It learns nothing without them."""
    strength: bool = False
    """The strength of a label is its grade."""
    margin: bool = False
    """`loss.margin`."""
    flip: bool = True
    """`loss.label_smoothing`, and soft labels."""
    dpo: bool = False
    """Tried with implicit rewards."""

    @property
    def trained(self) -> bool:
        """Whether it has parameters of its own, which `optim.loss_lr` trains."""
        return self.ties or self.strength


LOSS_TRAITS: Mapping[str, LossTraits] = {
    "bt": LossTraits(margin=True, dpo=True),
    "plackett_luce": LossTraits(rankings=True, flip=False),
    "rao_kupper": LossTraits(ties=True, needs_ties=True),
    "davidson": LossTraits(ties=True, needs_ties=True),
    "ordered_logit": LossTraits(ties=True, strength=True),
    "ordered_probit": LossTraits(ties=True, strength=True),
}
"""By `loss.kind`."""
