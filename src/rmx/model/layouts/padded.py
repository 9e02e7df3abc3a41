"""The plain layout: sequences padded on the right to the longest of the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch

__all__ = ["pad_right", "padded"]


def padded(backbone: nn.Module, batch: SequenceBatch, rows: Tensor | None = None) -> Tensor:
    """Return hidden states, (m, hidden).

    Positions are known from the lengths; no token id is compared, so that a pad token equal to the end token does no
    harm.

    Args:
        backbone: A transformers base model.
        batch: n sequences.
        rows: int64 (m,): which tokens of `batch.ids`; None means the last one of each sequence.
    """
    ids, mask = pad_right(batch)
    hidden: Tensor = backbone(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    if rows is None:
        return hidden[torch.arange(len(batch), device=hidden.device), batch.lengths - 1]
    sequence = torch.searchsorted(batch.offsets, rows, right=True) - 1
    return hidden[sequence, rows - batch.offsets[sequence]]


def pad_right(batch: SequenceBatch, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Return token ids and attention mask, both int64 (n, longest)."""
    positions = torch.arange(int(batch.lengths.max()), device=batch.ids.device)
    mask = positions < batch.lengths[:, None]
    ids = torch.full(mask.shape, pad_id, dtype=torch.int64, device=batch.ids.device)
    return ids.masked_scatter(mask, batch.ids), mask.long()
