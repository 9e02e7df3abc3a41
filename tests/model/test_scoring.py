"""Reading many sequences: order, budget and layout change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.stores import store_of

from rmx.config.schema import BatchConfig
from rmx.data.batch import SequenceBatch
from rmx.model.scoring import map_sequences


def test_of_nothing_nothing_comes_back() -> None:
    found = map_sequences(lambda batch: torch.zeros(len(batch)), store_of([]), BatchConfig())
    assert found.shape == (0,)


@pytest.mark.parametrize("layout", ["packed", "padded"])
@pytest.mark.parametrize("budget", [1, 30, 10_000])
def test_values_come_back_in_order_within_the_budget(budget: int, layout: str) -> None:
    store = store_of([[i] * n for i, n in enumerate([5, 3, 9, 9, 1, 7, 40])])
    seen: list[int] = []

    def read(batch: SequenceBatch) -> torch.Tensor:
        if len(batch) > 1:
            run = len(batch.forest.ids) if layout == "packed" else int(batch.lengths.max()) * len(batch)
            assert run <= budget
        seen.extend(batch.index.tolist())
        return torch.tensor([[float(s.sum()), 1.0] for s in batch.ids.split(batch.lengths.tolist())])

    found = map_sequences(read, store, BatchConfig(max_tokens=budget, layout=layout))
    assert found[:, 0].tolist() == [i * n for i, n in enumerate(store.lengths)]
    assert sorted(seen) == list(range(7))
    assert found.shape == (7, 2)
    assert found.dtype == np.float32
