"""What every model that scores sequences is to those that train, checkpoint, audit and export it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from rmx.config.schema import BatchConfig
from rmx.data.batch import SequenceBatch
from rmx.data.sequences import Sequences
from rmx.model.layouts import Layout
from rmx.model.layouts.padded import padded
from rmx.model.sequence_cache import SequenceCache

__all__ = ["SequenceModel", "SequenceScorer"]


class SequenceScorer(Protocol):
    """Whatever turns a batch of n unique sequences into n float32 rewards."""

    def __call__(self, batch: SequenceBatch) -> Tensor:
        """Return float32 (n,)."""
        ...


class SequenceModel(nn.Module, ABC):
    """Maps a SequenceBatch to float32 rewards (n,) through a backbone.

    The reward of a sequence does not depend on its neighbours in the batch, up to float32 rounding.
    """

    backbone: nn.Module
    """A transformers base model, maybe wrapped by peft."""
    layout: Layout
    """How sequences run through it."""

    @abstractmethod
    def forward(self, batch: SequenceBatch) -> Tensor:
        """Return float32 rewards (n,)."""

    @abstractmethod
    def own_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return what is no part of any pretrained weights and so must always train and be saved, by its full name."""

    @abstractmethod
    def caches(self) -> Sequence[SequenceCache]:
        """Return what could be computed afresh."""

    def remember(self, stores: Iterable[Sequences], batch: BatchConfig, *, autocast: torch.dtype | None = None) -> None:
        """Read what training is about to overwrite and scores will need.

        Args:
            stores: All sequences that will be scored with the backbone in this precision.
            batch: Tokens of a batch.
            autocast: Dtype in which the backbone runs; None for that of its weights.
        """

    def remembered(self) -> dict[str, Tensor]:
        """Return what a continued run could read again only in other batches, and so not to the same bits."""
        return {}

    def recall(self, remembered: Mapping[str, Tensor]) -> None:
        """Take back what `remembered` gave."""

    @property
    def plain(self) -> Layout:
        """The layout that others are measured against."""
        return padded

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.parameters()).device
