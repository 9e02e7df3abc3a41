"""Token stores made of plain lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rmx.data.token_store import TokenStore


def store_of(sequences: Sequence[Sequence[int]], completions: Sequence[int] | None = None) -> TokenStore:
    """Return the sequences as a store, in the order given; without the lengths of completions, they are all of it."""
    lengths = np.array([len(s) for s in sequences], np.int64)
    flat = np.array([token for s in sequences for token in s], np.int32)
    nothing = np.zeros(len(sequences), np.int64)
    last = lengths if completions is None else np.array(completions, np.int64)
    return TokenStore(flat, np.cumsum(lengths) - lengths, lengths, nothing, last)
