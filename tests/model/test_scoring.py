"""Batch scoring: order and budget change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rmx.data.batch import SequenceBatch
from rmx.model.scoring import score_sequences


class Store:
    def __init__(self, lengths: list[int]) -> None:
        self.lengths = np.array(lengths)

    def ids(self, i: int) -> np.ndarray:
        return np.full(self.lengths[i], i, np.int32)


@pytest.mark.parametrize("budget", [1, 30, 10_000])
def test_rewards_come_back_in_order_within_the_budget(budget: int) -> None:
    store = Store([5, 3, 9, 9, 1, 7, 40])
    seen: list[int] = []

    def scorer(batch: SequenceBatch) -> torch.Tensor:
        if len(batch) > 1:
            assert int(batch.lengths.max()) * len(batch) <= budget
        seen.extend(batch.index.tolist())
        return torch.tensor([float(s.sum()) for s in batch.ids.split(batch.lengths.tolist())])

    rewards = score_sequences(scorer, store, max_tokens=budget)
    assert rewards.tolist() == [i * n for i, n in enumerate(store.lengths)]
    assert sorted(seen) == list(range(7))
    assert rewards.dtype == np.float32
