"""The reward model: backbone, pooling by position, scalar head; one float32 number per sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.head import ScalarHead
from rmx.model.layouts import Layout
from rmx.model.sequence_cache import SequenceCache
from rmx.model.sequence_model import SequenceModel
from rmx.model.trunk import FeatureLayout

__all__ = ["RewardModel"]


class RewardModel(SequenceModel):
    """An explicit reward: a scalar head reads the hidden state of each terminal token."""

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
        self.layout: Layout = FeatureLayout(layout) if frozen else layout
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

    def own_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return the head's."""
        return {f"head.{name}": parameter for name, parameter in self.head.named_parameters()}

    def caches(self) -> Sequence[SequenceCache]:
        """Return that of a frozen trunk's features."""
        return [self.layout.cache] if isinstance(self.layout, FeatureLayout) else []
