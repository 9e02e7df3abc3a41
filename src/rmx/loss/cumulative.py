"""Cumulative models of a graded preference: a latent margin with noise, cut by ordered, symmetric thresholds.

The annotator sees the latent y = d + e, where d is the difference of the rewards, and says how much better a side is by
where y falls between thresholds 0 <= c_0 < c_1 < ...: a tie if |y| <= c_0, grade k of the side that y points to if
c_{k-1} < |y| <= c_k, the highest grade above all of them. Thresholds are the same for either side, because which
completion comes first is arbitrary. McCullagh 1980 (Regression models for ordinal data, JRSS B 42); for comparisons
Agresti 1992 (Analysis of ordinal paired comparison data, Applied Statistics 41), whose cumulative form this is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rmx.data.batch import MicroBatch
from rmx.loss.base import Loss, LossTerms

__all__ = ["CumulativeLoss", "Noise", "cumulative"]


@dataclass(frozen=True)
class Noise:
    """A symmetric law of the noise e, by what the likelihood needs of its distribution function F."""

    log_cdf: Callable[[Tensor], Tensor]
    """x -> log F(x)."""
    log_interval: Callable[[Tensor, Tensor], Tensor]
    """(a, b) with a > b -> log(F(a) - F(b)), without cancellation."""
    quantile: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """The inverse of F, where thresholds start."""


def cumulative(
    chosen: Tensor,
    rejected: Tensor,
    *,
    grade: Tensor,
    cuts: Tensor,
    noise: Noise,
    flip: Tensor | float = 0.0,
    center: float = 0.0,
) -> LossTerms:
    r"""Return the negative log-likelihood of each graded comparison and its centring penalty.

    With d = chosen - rejected, P(tie) = F(d + c_0) - F(d - c_0) and P(grade k) = F(d - c_{k-1}) - F(d - c_k), where
    F(d - c) = 0 beyond the last threshold. With flip probability q, ranking = -(1 - q) log P(d) - q log P(-d).

    Args:
        chosen: Rewards of the preferred completions, (p,).
        rejected: Those of the others, (p,).
        grade: int64 (p,): 0 of a tie, else the grade of the preference, from 1 to len(cuts).
        cuts: Thresholds c_0 <= c_1 <= ..., (k,); c_0 = 0 where there are no ties.
        noise: The law of the noise.
        flip: Probability q that the side is the other one, (p,) or one number.
        center: Weight of the centring term (chosen + rejected)^2.
    """
    d = chosen - rejected
    tied, top = grade == 0, grade == len(cuts)
    low = torch.where(tied, -cuts[0], cuts[(grade - 1).clamp(min=0)])
    # The highest grade has no upper end; any finite one keeps the gradient of the unused branch finite.
    high = torch.where(top, low + 1.0, cuts[grade.clamp(max=len(cuts) - 1)])

    def log_probability(d: Tensor) -> Tensor:
        return torch.where(top, noise.log_cdf(d - low), noise.log_interval(d - low, d - high))

    ranking = -(1.0 - flip) * log_probability(d) - flip * log_probability(-d)
    return LossTerms(ranking, center * (chosen + rejected).square())


class CumulativeLoss(Loss):
    """`cumulative` of every comparison, its thresholds trained: log c_0 (with ties), then logarithms of the steps."""

    def __init__(self, noise: Noise, shares: Sequence[float], *, center: float = 0.0) -> None:
        """Start from thresholds that give the shares of the grades where all rewards are equal.

        Args:
            noise: The law of the noise.
            shares: Share of ties (0 where none are trained on) and of every grade, all above 0.
            center: Weight of the centring term.
        """
        super().__init__()
        self.noise = noise
        self.center = center
        self.ties = shares[0] > 0
        below = np.cumsum(shares)[:-1] / np.sum(shares)
        cuts = noise.quantile((1.0 + below) / 2.0)
        steps = np.diff(cuts, prepend=0.0)[0 if self.ties else 1 :]
        self.log_steps = nn.Parameter(torch.from_numpy(np.log(steps)).float())

    @property
    def cuts(self) -> Tensor:
        """Thresholds (k,), ascending."""
        trained = self.log_steps.exp().cumsum(0)
        return trained if self.ties else torch.cat([trained.new_zeros(1), trained])

    def forward(self, rewards: Tensor, micro: MicroBatch) -> tuple[LossTerms, Tensor]:
        """Return the terms of the micro-batch's comparisons, and their weights."""
        chosen, rejected = rewards[micro.chosen], rewards[micro.rejected]
        terms = cumulative(
            chosen, rejected, grade=micro.grade, cuts=self.cuts, noise=self.noise, flip=micro.flip, center=self.center
        )
        return terms, micro.weight

    def facts(self) -> Mapping[str, Any]:
        """Return the thresholds, in units of the reward."""
        return {"cuts": self.cuts.tolist()}
