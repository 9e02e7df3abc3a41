"""Rewards of many token sequences: sorted by length, cut into batches, put back in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from rmx.data.sequences import Sequences, sequence_batch
from rmx.model.reward_model import SequenceScorer

__all__ = ["score_sequences"]


def score_sequences(
    scorer: SequenceScorer, store: Sequences, *, max_tokens: int, device: torch.device | str = "cpu"
) -> NDArray[np.float32]:
    """Return the float32 rewards (n,) of a store's sequences, in the store's order.

    Args:
        scorer: In evaluation mode.
        store: The sequences.
        max_tokens: Tokens of a padded batch; a longer sequence runs alone.
        device: Where the scorer is.
    """
    rewards = np.empty(len(store.lengths), np.float32)
    with torch.no_grad():
        for members in _batches(store.lengths, max_tokens):
            batch = sequence_batch(store, members).to(device)
            rewards[members] = scorer(batch).float().cpu().numpy()
    return rewards


def _batches(lengths: NDArray[np.int64], max_tokens: int) -> Iterator[NDArray[np.int64]]:
    """Yield members, longest first, so that a budget too large for the memory fails at once."""
    order = np.argsort(-lengths, kind="stable").astype(np.int64)
    start = 0
    while start < len(order):
        count = max(1, max_tokens // int(lengths[order[start]]))
        yield order[start : start + count]
        start += count
