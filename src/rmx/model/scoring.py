"""What a model says of many token sequences: cut into batches that run well together, and put back in order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rmx.config.schema import BatchConfig
from rmx.data.batch import SequenceBatch
from rmx.data.sequences import Sequences, sequence_batch
from rmx.data.shards import sequence_shards

__all__ = ["map_sequences"]


def map_sequences(
    read: Callable[[SequenceBatch], Tensor], store: Sequences, batch: BatchConfig, *, device: torch.device | str = "cpu"
) -> NDArray[np.float32]:
    """Return float32 (n, ...): what `read` gives for each sequence of a store, in the store's order.

    Args:
        read: A sequence scorer (rewards), or another reading of a model such as `RewardModel.pooled`; in evaluation
            mode.
        store: The sequences.
        batch: Tokens of a batch, as its layout counts them; a sequence of more runs alone.
        device: Where the model is.
    """
    (shards,) = sequence_shards(store, batch)
    if not shards:
        return np.empty(0, np.float32)
    with torch.no_grad():
        values = [read(sequence_batch(store, s.members).to(device)).float().cpu().numpy() for s in shards]
    joined = np.concatenate(values)
    found = np.empty_like(joined)
    found[np.concatenate([s.members for s in shards])] = joined
    return found
