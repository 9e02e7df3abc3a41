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
    found = np.empty(0, np.float32)
    (shards,) = sequence_shards(store, batch)
    with torch.no_grad():
        for k, shard in enumerate(shards):
            values = read(sequence_batch(store, shard.members).to(device)).float().cpu().numpy()
            if k == 0:
                found = np.empty((len(store.lengths), *values.shape[1:]), np.float32)
            found[shard.members] = values
    return found
