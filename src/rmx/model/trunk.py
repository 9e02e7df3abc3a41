"""Features of a frozen trunk: computed once for each distinct sequence, then read from memory."""

from __future__ import annotations

import itertools

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.data.sequences import batch_tokens
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
        # As arrays: a tensor made while Lightning validates in inference mode could not be trained on.
        self._features: dict[bytes, NDArray[np.float32]] = {}
        self._bytes = 0

    def __call__(self, backbone: nn.Module, batch: SequenceBatch) -> Tensor:
        """Return float32 features (n, hidden); only unknown sequences run."""
        keys = _keys(batch)
        unknown = [i for i, key in enumerate(keys) if key not in self._features]
        fresh: dict[bytes, NDArray[np.float32]] = {}
        if unknown:
            # In the precision of the weights: a cached feature must not depend on who asked for it first.
            with torch.no_grad(), torch.autocast(batch.ids.device.type, enabled=False):
                rows = self.layout(backbone, _part(batch, unknown)).float().cpu().numpy()
            self.computed += len(unknown)
            fresh = {keys[i]: row for i, row in zip(unknown, rows, strict=True)}
            for key, row in fresh.items():
                if self._bytes + row.nbytes <= self.limit:
                    self._features[key] = row.copy()
                    self._bytes += row.nbytes
        features = [fresh[key] if key in fresh else self._features[key] for key in keys]
        return torch.from_numpy(np.stack(features)).to(batch.ids.device)


def _keys(batch: SequenceBatch) -> list[bytes]:
    flat, bounds = batch.ids.cpu().numpy(), batch.offsets.tolist()
    return [xxhash.xxh3_128_digest(flat[a:b].tobytes()) for a, b in itertools.pairwise(bounds)]


def _part(batch: SequenceBatch, members: list[int]) -> SequenceBatch:
    flat, bounds = batch.ids.cpu().numpy().astype(np.int32), batch.offsets.tolist()
    sequences = [flat[bounds[i] : bounds[i + 1]] for i in members]
    return batch_tokens(sequences, batch.index.cpu().numpy()[members]).to(batch.ids.device)
