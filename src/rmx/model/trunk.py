"""Features of a frozen trunk: computed once for each distinct sequence, then read from memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.layouts import Layout
from rmx.model.sequence_cache import SequenceCache

__all__ = ["FeatureLayout"]


class FeatureLayout:
    """Wraps a layout of what is pooled; each distinct sequence runs once."""

    def __init__(self, layout: Layout, cache: SequenceCache | None = None) -> None:
        """Put the parts together.

        Args:
            layout: Computes the features that are not yet known.
            cache: Keeps them; None means a new one.
        """
        self.layout = layout
        self.cache = SequenceCache() if cache is None else cache

    def __call__(self, backbone: nn.Module, batch: SequenceBatch) -> Tensor:
        """Return float32 features (n, hidden); only unknown sequences run."""
        # In the precision of the weights: a cached feature must not depend on who asked for it first.
        with torch.autocast(batch.ids.device.type, enabled=False):
            return self.cache(lambda part: self.layout(backbone, part).float(), batch)
