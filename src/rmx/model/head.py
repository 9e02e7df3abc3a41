"""The scalar head: one float32 number from a pooled hidden state."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["ScalarHead"]


class ScalarHead(nn.Linear):
    """`Linear(hidden, 1, bias=False)` in float32, whatever the backbone's dtype and the surrounding autocast.

    A bfloat16 head would round rewards to about three digits, so that close completions tie.
    """

    def __init__(self, hidden: int, *, std: float | None, seed: int) -> None:
        """Initialise from a normal distribution with mean 0.

        Args:
            hidden: Width of the backbone.
            std: Standard deviation; None means 1/sqrt(hidden + 1) (Stiennon et al. 2020, arXiv:2009.01325), 0 zeros.
            seed: Seeds a generator of its own, so that the head does not depend on what was built before.
        """
        with torch.device("meta"):  # no draw from the global generator
            super().__init__(hidden, 1, bias=False, dtype=torch.float32)
        generator = torch.Generator().manual_seed(seed)
        spread = 1.0 / math.sqrt(hidden + 1) if std is None else std
        self.weight = nn.Parameter(torch.randn((1, hidden), generator=generator) * spread)

    def forward(self, features: Tensor) -> Tensor:
        """Return float32 rewards (n,) of pooled hidden states (n, hidden)."""
        with torch.autocast(features.device.type, enabled=False):
            return nn.functional.linear(features.float(), self.weight.float()).squeeze(-1)
