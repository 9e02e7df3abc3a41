"""Plackett-Luce: a whole ranking as one observation, its best completion chosen first, then the best of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations, product

import torch
from torch import Tensor

from rmx.config.schema import LossConfig
from rmx.data.batch import MicroBatch
from rmx.data.sequences import PairSet
from rmx.loss.base import Loss, LossTerms

__all__ = ["PlackettLuce", "plackett_luce", "plackett_luce_loss"]


def plackett_luce(rewards: Tensor, *, sizes: Sequence[int], center: float = 0.0) -> LossTerms:
    r"""Return the negative log-likelihood of n rankings of the same shape and their centring penalties.

    P(order) = prod_k exp(r_k) / sum_{j >= k} exp(r_j) (Luce 1959; Plackett 1975, Applied Statistics 24). Completions of
    one rank were not put in order: the likelihood is then the sum over every order that the ranks allow (the marginal
    likelihood of Kalbfleisch and Prentice 1973 for tied times, which Efron's and Breslow's forms approximate). With
    two completions it is Bradley-Terry.

    Args:
        rewards: (n, k), the best completion of each ranking first.
        sizes: How many completions each rank has, best first; they sum to k.
        center: Weight of the centring term (2 * mean reward)^2, which is that of a pair for k = 2.
    """
    k, decided = rewards.shape[-1], sum(sizes[:-1])
    # The last rank's completions may come in any order, and those orders' probabilities sum to 1.
    orders = torch.tensor(_orders(tuple(sizes)), device=rewards.device)
    # A level that all rewards share would only cost digits.
    ordered = (rewards - rewards.detach().amax(-1, keepdim=True))[:, orders]
    gone = torch.full((k, k), -torch.inf, dtype=rewards.dtype, device=rewards.device).tril(-1)
    left = (ordered[..., None, :] + gone).logsumexp(-1)
    log_probability = (ordered - left)[..., :decided].sum(-1).logsumexp(-1)
    return LossTerms(-log_probability, center * (2.0 * rewards.mean(-1)).square())


@cache
def _orders(sizes: tuple[int, ...]) -> list[list[int]]:
    """Return the orders that ranks allow, but for those of the last one."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    ranks = [list(permutations(range(start, start + size))) for start, size in zip(starts, sizes, strict=True)]
    return [[item for rank in order for item in rank] for order in product(*ranks[:-1], ranks[-1][:1])]


class PlackettLuce(Loss):
    """`plackett_luce` of every ranking; a ranking's weight is that of its row, whatever its length."""

    def __init__(self, *, center: float = 0.0) -> None:
        super().__init__()
        self.center = center

    def forward(self, rewards: Tensor, micro: MicroBatch) -> tuple[LossTerms, Tensor]:
        """Return the terms of the micro-batch's rankings, and their weights."""
        terms = [plackett_luce(rewards[r.items], sizes=r.sizes, center=self.center) for r in micro.rankings]
        ranking, centering = (torch.cat(column) for column in zip(*terms, strict=True))
        return LossTerms(ranking, centering), torch.cat([r.weight for r in micro.rankings])


def plackett_luce_loss(config: LossConfig, pairs: PairSet) -> Loss:
    """Return the loss of the configuration."""
    return PlackettLuce(center=config.center)
