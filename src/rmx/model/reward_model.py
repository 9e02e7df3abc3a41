"""The reward model: backbone, what is pooled of it, scalar head; one float32 number per sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.head import ScalarHead
from rmx.model.layouts import Layout
from rmx.model.layouts.offloaded import Offloaded
from rmx.model.layouts.own_pooling import OwnPooling
from rmx.model.sequence_cache import SequenceCache
from rmx.model.sequence_model import SequenceModel
from rmx.model.trunk import FeatureLayout

__all__ = ["RewardModel"]


class RewardModel(SequenceModel):
    """An explicit reward: a scalar head reads the hidden state of each terminal token, or what an encoder pools."""

    def __init__(
        self,
        backbone: nn.Module,
        head: ScalarHead,
        layout: Layout,
        *,
        between: nn.ModuleDict | None = None,
        frozen: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            backbone: Base model without language-model head, maybe wrapped by peft.
            head: The scalar head; always trains.
            layout: How sequences run through the backbone.
            between: What an encoder's classifier has between backbone and head, which `layout` runs; trains whole.
            frozen: Neither trains: features are computed once per sequence and kept.
        """
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.between = between
        self.frozen = frozen
        self.layout: Layout = FeatureLayout(layout) if frozen else layout
        read = layout.layout if isinstance(layout, Offloaded) else layout
        self._own_pooling = read if isinstance(read, OwnPooling) else None
        if frozen:
            for part in self._features():
                part.requires_grad_(False).eval()

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Return float32 rewards (n,)."""
        rewards: Tensor = self.head(self.pooled(batch))
        return rewards

    def pooled(self, batch: SequenceBatch) -> Tensor:
        """Return what the head reads, (n, width): hidden states of the terminal tokens, or what an encoder pools."""
        return self.layout(self.backbone, batch)

    @property
    def pools_last(self) -> bool:
        """Whether the head reads the hidden state of each sequence's last token."""
        return self._own_pooling is None

    @property
    def plain(self) -> Layout:
        """The layout that others are measured against: padded, or an encoder's own."""
        return self._own_pooling or super().plain

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen trunk stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            for part in self._features():
                part.eval()
        return self

    def own_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return the head's, and of what an encoder has before it; a bias of the head stays as it is."""
        own = {f"head.{name}": parameter for name, parameter in self.head.named_parameters() if name != "bias"}
        if self.between is not None and not self.frozen:
            own |= {f"between.{name}": parameter for name, parameter in self.between.named_parameters()}
        return own

    def caches(self) -> Sequence[SequenceCache]:
        """Return that of a frozen trunk's features."""
        return [self.layout.cache] if isinstance(self.layout, FeatureLayout) else []

    def _features(self) -> list[nn.Module]:
        """Return the modules that make what is pooled."""
        return [self.backbone, *([] if self.between is None else [self.between])]
