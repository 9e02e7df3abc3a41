"""The reward model: backbone, pooling by position, scalar head; one float32 number per sequence."""

from __future__ import annotations

from typing import Protocol, Self

import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.head import ScalarHead
from rmx.model.layouts import Layout
from rmx.model.trunk import FeatureCache

__all__ = ["RewardModel", "SequenceScorer"]


class SequenceScorer(Protocol):
    """Whatever turns a batch of n unique sequences into n float32 rewards."""

    def __call__(self, batch: SequenceBatch) -> Tensor:
        """Return float32 (n,)."""
        ...


class RewardModel(nn.Module):
    """Maps a SequenceBatch to float32 rewards (n,).

    The reward of a sequence does not depend on its neighbours in the batch, up to float32 rounding.
    """

    def __init__(self, backbone: nn.Module, head: ScalarHead, layout: Layout, *, frozen: bool = False) -> None:
        """Put the parts together.

        Args:
            backbone: Base model without language-model head, maybe wrapped by peft.
            head: The scalar head; always trains.
            layout: How sequences run through the backbone.
            frozen: The backbone never trains: its features are computed once per sequence and kept.
        """
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.frozen = frozen
        self.layout: Layout = FeatureCache(layout) if frozen else layout
        if frozen:
            self.backbone.requires_grad_(False).eval()

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Return float32 rewards (n,)."""
        rewards: Tensor = self.head(self.pooled(batch))
        return rewards

    def pooled(self, batch: SequenceBatch) -> Tensor:
        """Return the hidden states (n, hidden) that the head reads: those of the terminal tokens."""
        return self.layout(self.backbone, batch)

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen trunk stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    @property
    def device(self) -> torch.device:
        """Where the head is."""
        return self.head.weight.device
