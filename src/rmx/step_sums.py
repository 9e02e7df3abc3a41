"""What the training curve needs of a step, as sums that add up over micro-batches, steps and ranks."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, fields
from functools import reduce
from typing import Self

import torch
from torch import Tensor

from rmx.data.batch import MicroBatch
from rmx.loss import LossTerms

__all__ = ["StepSums"]


@dataclass(frozen=True, slots=True)
class StepSums:
    """Sums over pairs or sequences; `reward_min` and `reward_max` combine as extrema, not as sums."""

    ranking: float = 0.0
    """Weighted ranking loss."""
    centering: float = 0.0
    """Weighted centring loss."""
    weight: float = 0.0
    correct: float = 0.0
    """Decided pairs whose chosen completion has the greater reward; equal rewards count one half."""
    decided: float = 0.0
    """Pairs whose label is no tie; `correct` and `margin` are over them."""
    pairs: float = 0.0
    margin: float = 0.0
    reward: float = 0.0
    sequences: float = 0.0
    tokens: float = 0.0
    """Distinct real tokens: a prefix that sequences share counts once, whether or not the layout runs it once."""
    gradient_norm: float = 0.0
    learning_rate: float = 0.0
    steps: float = 0.0
    reward_min: float = math.inf
    reward_max: float = -math.inf

    @classmethod
    def of(cls, micro: MicroBatch, rewards: Tensor, loss: LossTerms, weight: Tensor) -> Self:
        """Return the sums of one micro-batch; one that only keeps the ranks in step adds nothing."""
        with torch.no_grad():
            if not bool((micro.weight > 0).any()):
                return cls()
            margin = (rewards[micro.chosen] - rewards[micro.rejected])[micro.grade > 0].double()
            return cls(
                ranking=float((weight * loss.ranking).sum()),
                centering=float((weight * loss.centering).sum()),
                weight=float(weight.sum()),
                correct=float((margin > 0).sum()) + 0.5 * float((margin == 0).sum()),
                decided=float(margin.numel()),
                pairs=float(micro.index.numel()),
                margin=float(margin.sum()),
                reward=float(rewards.double().sum()),
                sequences=float(rewards.numel()),
                tokens=float(micro.sequences.forest.ids.numel()),
                reward_min=float(rewards.min()),
                reward_max=float(rewards.max()),
            )

    def __add__(self, other: Self) -> Self:
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        sums["reward_min"] = min(self.reward_min, other.reward_min)
        sums["reward_max"] = max(self.reward_max, other.reward_max)
        return type(self)(**sums)

    def over_ranks(self, world_size: int, device: torch.device) -> Self:
        """Return the sums of all ranks; every rank must call it."""
        if world_size == 1:
            return self
        names = [f.name for f in fields(self)]
        mine = torch.tensor([getattr(self, n) for n in names], dtype=torch.float64, device=device)
        ranks = [torch.empty_like(mine) for _ in range(world_size)]
        torch.distributed.all_gather(ranks, mine)
        parts = [type(self)(**dict(zip(names, r.tolist(), strict=True))) for r in ranks]
        combined = reduce(operator.add, parts)
        # Every rank counts each step, its gradient norm and its learning rate: once is enough.
        shared = {n: getattr(self, n) for n in ("gradient_norm", "learning_rate", "steps")}
        return type(self)(**{n: shared.get(n, getattr(combined, n)) for n in names})

    def metrics(self) -> dict[str, float]:
        """Return the training metrics of the window these sums cover."""
        # A window of ties alone has no accuracy.
        decided = self.decided or math.nan
        return {
            "train/loss": (self.ranking + self.centering) / self.weight,
            "train/loss_ranking": self.ranking / self.weight,
            "train/loss_centering": self.centering / self.weight,
            "train/accuracy": self.correct / decided,
            "train/margin": self.margin / decided,
            "train/reward_mean": self.reward / self.sequences,
            "train/reward_min": self.reward_min,
            "train/reward_max": self.reward_max,
            "train/gradient_norm": self.gradient_norm / self.steps,
            "train/learning_rate": self.learning_rate / self.steps,
            "train/tokens": self.tokens,
        }
