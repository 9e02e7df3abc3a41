"""What a frozen model says of sequences: computed once for each distinct one, then read from memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray
from torch import Tensor

from rmx.data.batch import SequenceBatch
from rmx.data.sequences import batch_tokens

__all__ = ["SequenceCache", "past"]

_LIMIT = 4 << 30
"""Bytes of values kept; about 1.8 million sequences at 576 numbers each. Sequences beyond it are computed again."""


class SequenceCache:
    """Keyed by token ids and length of the completion, so that one cache serves training and every slice."""

    def __init__(self, *, limit: int = _LIMIT) -> None:
        """Start empty.

        Args:
            limit: Most bytes of values to keep.
        """
        self.limit = limit
        self.enabled = True
        """Whether what is known is read; if not, everything is computed and nothing kept."""
        self.computed = 0
        """Sequences that were computed so far."""
        # As arrays: a tensor made while Lightning validates in inference mode could not be trained on.
        self._values: dict[bytes, NDArray[Any]] = {}
        self._bytes = 0

    def __call__(self, read: Callable[[SequenceBatch], Tensor], batch: SequenceBatch, *, kind: str = "") -> Tensor:
        """Return what `read` gives, (n, ...); only unknown sequences are read, without gradient.

        Args:
            read: What is cached: (batch of k sequences) -> (k, ...).
            batch: n sequences.
            kind: Tells apart values of the same sequence, such as those of two precisions.
        """
        keys = _keys(batch, kind)
        unknown = [i for i, key in enumerate(keys) if not self.enabled or key not in self._values]
        fresh: dict[bytes, NDArray[Any]] = {}
        if unknown:
            with torch.no_grad():
                rows = read(_part(batch, unknown)).cpu().numpy()
            self.computed += len(unknown)
            fresh = {keys[i]: row for i, row in zip(unknown, rows, strict=True)}
            for key, row in fresh.items() if self.enabled else ():
                if self._bytes + row.nbytes <= self.limit:
                    self._values[key] = row.copy()
                    self._bytes += row.nbytes
        values = [fresh[key] if key in fresh else self._values[key] for key in keys]
        return torch.from_numpy(np.stack(values)).to(batch.ids.device)

    def state(self) -> dict[str, Tensor]:
        """Return what is known, for a checkpoint: keys (k, 16) and values (k, ...); nothing where nothing is known."""
        if not self._values:
            return {}
        keys = np.frombuffer(b"".join(self._values), np.uint8).reshape(len(self._values), -1)
        return {"keys": torch.from_numpy(keys.copy()), "values": torch.from_numpy(np.stack([*self._values.values()]))}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Know again what `state` gave: values that were read in the same batches as before are the same bits."""
        if not state:
            return
        rows = state["values"].cpu().numpy()
        self._values = {bytes(key): row for key, row in zip(state["keys"].cpu().numpy(), rows, strict=True)}
        self._bytes = rows.nbytes


@contextmanager
def past(caches: Sequence[SequenceCache]) -> Iterator[None]:
    """Let everything be computed afresh; what the caches hold is left alone."""
    before = [cache.enabled for cache in caches]
    for cache in caches:
        cache.enabled = False
    try:
        yield
    finally:
        for cache, enabled in zip(caches, before, strict=True):
            cache.enabled = enabled


def _keys(batch: SequenceBatch, kind: str) -> list[bytes]:
    flat, bounds = batch.ids.cpu().numpy(), batch.offsets.tolist()
    completions = batch.completion_lengths.tolist()
    return [
        xxhash.xxh3_128_digest(flat[a:b].tobytes() + f"/{length}/{kind}".encode())
        for (a, b), length in zip(itertools.pairwise(bounds), completions, strict=True)
    ]


def _part(batch: SequenceBatch, members: list[int]) -> SequenceBatch:
    flat, bounds = batch.ids.cpu().numpy().astype(np.int32), batch.offsets.tolist()
    sequences = [flat[bounds[i] : bounds[i + 1]] for i in members]
    index, completions = (t.cpu().numpy()[members] for t in (batch.index, batch.completion_lengths))
    return batch_tokens(sequences, index, completions).to(batch.ids.device)
