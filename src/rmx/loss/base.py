"""What a loss is to the training step: terms of each observation of a micro-batch, and what it trains itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from rmx.data.batch import MicroBatch

__all__ = ["Loss", "LossTerms"]


class LossTerms(NamedTuple):
    """The loss of each of n observations (comparisons, or rankings), term by term; unweighted, float32 (n,)."""

    ranking: Tensor
    centering: Tensor

    @property
    def total(self) -> Tensor:
        """float32 (n,): what is minimised, before weights."""
        return self.ranking + self.centering


class Loss(nn.Module, ABC):
    """Turns the rewards of a micro-batch into the loss of its observations.

    Parameters of a loss (a threshold between a tie and a win) are trained with the model, by `optim.loss_lr`. They
    start where they fit rewards that are all equal, and every micro-batch must read all of them.
    """

    @abstractmethod
    def forward(self, rewards: Tensor, micro: MicroBatch) -> tuple[LossTerms, Tensor]:
        """Return the terms of n observations and their weights, float32 (n,).

        Args:
            rewards: float32, one of each of the micro-batch's sequences.
            micro: What was observed of them.
        """

    def facts(self) -> Mapping[str, Any]:
        """Return what was trained, by name and as people read it: numbers and lists of them."""
        return {}

    def metrics(self) -> dict[str, float]:
        """Return `facts` for the training curve, the numbers of a list under its name and their places."""
        found: dict[str, float] = {}
        for name, value in self.facts().items():
            found |= (
                {f"train/{name}_{i}": v for i, v in enumerate(value)}
                if isinstance(value, list)
                else {f"train/{name}": value}
            )
        return found
