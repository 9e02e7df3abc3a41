"""Token sequences for the tests of the model room."""

from __future__ import annotations

import torch

from rmx.data.batch import SequenceBatch

END = 2
"""SmolLM2's end token, and as it comes also its pad token."""


def batch_of(sequences: list[list[int]]) -> SequenceBatch:
    """Return the sequences as one batch."""
    lengths = torch.tensor([len(s) for s in sequences])
    flat = torch.tensor([i for s in sequences for i in s])
    return SequenceBatch(flat, torch.nn.functional.pad(lengths.cumsum(0), (1, 0)), torch.arange(len(sequences)))


def random_sequences(lengths: list[int], seed: int = 0) -> list[list[int]]:
    """Return sequences of random ordinary tokens, closed by the end token."""
    generator = torch.Generator().manual_seed(seed)
    return [[*torch.randint(17, 49152, (n - 1,), generator=generator).tolist(), END] for n in lengths]
