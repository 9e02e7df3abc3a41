"""Token sequences for the tests of the model room."""

from __future__ import annotations

import numpy as np
import torch

from rmx.data.batch import SequenceBatch
from rmx.data.sequences import batch_tokens

END = 2
"""SmolLM2's end token, and as it comes also its pad token."""


def batch_of(sequences: list[list[int]], completions: list[int] | None = None) -> SequenceBatch:
    """Return the sequences as one batch; without the lengths of their completions, all tokens belong to them."""
    lengths = np.array([len(s) for s in sequences] if completions is None else completions)
    return batch_tokens([np.array(s, np.int32) for s in sequences], np.arange(len(sequences)), lengths)


def random_sequences(lengths: list[int], seed: int = 0) -> list[list[int]]:
    """Return sequences of random ordinary tokens, closed by the end token."""
    generator = torch.Generator().manual_seed(seed)
    return [[*torch.randint(17, 49152, (n - 1,), generator=generator).tolist(), END] for n in lengths]
