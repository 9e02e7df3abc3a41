"""Rewards in a unit that means something: standard deviations over validation, and probabilities of preference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmx.errors import ModelError
from rmx.model.contract import Contract

__all__ = ["RewardScale"]


@dataclass(frozen=True, slots=True)
class RewardScale:
    """What a reward model's contract says of its scale; shift and factor of the head cancel out of what is made of it.

    All three numbers are of the validation slice that chose the checkpoint. One that is None was not to be had: there
    was no such slice, or its rewards did not vary, or it ordered all of its pairs or no more than half as labelled.
    """

    mean: float | None
    sd: float | None
    temperature: float | None
    """T for which the margin over it is the log-odds of the label (Guo et al. 2017, arXiv 1706.04599)."""
    name: str = "this reward"

    @classmethod
    def of(cls, contract: Contract | None, *, name: str) -> RewardScale:
        """Return the scale that a contract records; nothing of a foreign model, which has none."""
        if contract is None:
            return cls(None, None, None, name)
        return cls(contract.reward_mean, contract.reward_sd, contract.temperature, name)

    def normalise(self, rewards: ArrayLike) -> NDArray[np.float64]:
        """Return (r - mean) / sd, float64 of the same shape: 0 is the average validation answer.

        Raises:
            ModelError: The mean and deviation are not known.
        """
        if self.mean is None or not self.sd:
            raise ModelError(self._missing("mean and deviation of its rewards", "has nothing to be normalised by"))
        return (np.asarray(rewards, np.float64) - self.mean) / self.sd

    def preference(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
        """Return sigma((r_first - r_second) / T), float64: the chance that the first of two answers is preferred.

        Raises:
            ModelError: The temperature is not known.
        """
        from scipy.special import expit

        if not self.temperature:
            raise ModelError(self._missing("temperature", "gives no calibrated preference"))
        margins = np.asarray(first, np.float64) - np.asarray(second, np.float64)
        return np.asarray(expit(margins / self.temperature), np.float64)

    def _missing(self, what: str, so: str) -> str:
        return (
            f"{self.name}: its contract records no {what}, so it {so}; an rmx run measures it on its validation slice "
            "(data.split.validation above 0)"
        )
