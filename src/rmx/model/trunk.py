"""Features of a frozen trunk: computed once for each distinct sequence, then read from memory."""

from __future__ import annotations

import itertools

import torch
import xxhash
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.model.layouts import Layout

__all__ = ["FeatureCache"]

_LIMIT = 4 << 30
"""Bytes of features kept; about 1.8 million sequences at hidden size 576. Sequences beyond it are computed again."""


class FeatureCache:
    """Wraps a layout; keyed by the token ids themselves, so that one cache serves training and every slice."""

    def __init__(self, layout: Layout, *, limit: int = _LIMIT) -> None:
        """Start empty.

        Args:
            layout: Computes the features that are not yet known.
            limit: Most bytes of features to keep.
        """
        self.layout = layout
        self.limit = limit
        self.computed = 0
        """Sequences that ran through the backbone so far."""
        self._features: dict[bytes, Tensor] = {}
        self._bytes = 0

    def __call__(self, backbone: nn.Module, batch: SequenceBatch) -> Tensor:
        """Return float32 features (n, hidden); only unknown sequences run."""
        keys = _keys(batch)
        unknown = [i for i, key in enumerate(keys) if key not in self._features]
        fresh: dict[bytes, Tensor] = {}
        if unknown:
            with torch.no_grad():
                rows = self.layout(backbone, _part(batch, unknown)).float().cpu()
            self.computed += len(unknown)
            fresh = {keys[i]: row for i, row in zip(unknown, rows, strict=True)}
            for key, row in fresh.items():
                size = row.numel() * row.element_size()
                if self._bytes + size <= self.limit:
                    self._features[key] = row.clone()
                    self._bytes += size
        features = [fresh[key] if key in fresh else self._features[key] for key in keys]
        return torch.stack(features).to(batch.ids.device)


def _keys(batch: SequenceBatch) -> list[bytes]:
    flat, bounds = batch.ids.cpu().numpy(), batch.offsets.tolist()
    return [xxhash.xxh3_128_digest(flat[a:b].tobytes()) for a, b in itertools.pairwise(bounds)]


def _part(batch: SequenceBatch, members: list[int]) -> SequenceBatch:
    chosen = torch.tensor(members, device=batch.ids.device)
    lengths = batch.lengths[chosen]
    ids = torch.cat([batch.ids[batch.offsets[i] : batch.offsets[i + 1]] for i in members])
    return SequenceBatch(ids, nn.functional.pad(lengths.cumsum(0), (1, 0)), batch.index[chosen])
