"""The scalar head: one float32 number from a pooled hidden state."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

__all__ = ["ScalarHead"]


class ScalarHead(nn.Linear):
    """`Linear(hidden, 1)` in float32, whatever the backbone's dtype and the surrounding autocast.

    A bfloat16 head would round rewards to about three digits, so that close completions tie.

    A bias, which some architectures have, never trains: a constant added to every reward changes no comparison, and its
    gradient is rounding noise that Adam would make steps of.
    """

    def __init__(self, hidden: int, *, std: float | None, seed: int, bias: bool = False) -> None:
        """Initialise from a normal distribution with mean 0, the bias with 0.

        Args:
            hidden: Width of what is pooled.
            std: Standard deviation; None means 1/sqrt(hidden + 1) (Stiennon et al. 2020, arXiv:2009.01325), 0 zeros.
            seed: Seeds a generator of its own, so that the head does not depend on what was built before.
            bias: Whether there is a bias.
        """
        with torch.device("meta"):  # no draw from the global generator
            super().__init__(hidden, 1, bias=bias, dtype=torch.float32)
        generator = torch.Generator().manual_seed(seed)
        spread = 1.0 / math.sqrt(hidden + 1) if std is None else std
        self.weight = nn.Parameter(torch.randn((1, hidden), generator=generator) * spread)
        if bias:
            self.bias = nn.Parameter(torch.zeros(1), requires_grad=False)

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None) -> Self:
        """Return the head with these values: weight (1, hidden), bias (1,) or none."""
        head = cls(weight.shape[1], std=0.0, seed=0, bias=bias is not None)
        with torch.no_grad():
            head.weight.copy_(weight)
            if bias is not None:
                head.bias.copy_(bias)
        return head

    def forward(self, features: Tensor) -> Tensor:
        """Return float32 rewards (n,) of pooled hidden states (n, hidden)."""
        with torch.autocast(features.device.type, enabled=False):
            bias = None if self.bias is None else self.bias.float()
            return nn.functional.linear(features.float(), self.weight.float(), bias).squeeze(-1)
