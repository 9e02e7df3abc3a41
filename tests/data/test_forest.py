"""Prefix forests: every sequence is the path to its last token, and nothing stands twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.data.forests import forests

from rmx.data.forest import prefix_forest, prefix_order, shared_prefixes
from rmx.data.layout_cost import LAYOUT_COSTS


def arrays(sequences: list[list[int]]) -> list[np.ndarray]:
    return [np.array(s, np.int32) for s in sequences]


def prefixes(sequences: list[list[int]]) -> set[tuple[int, ...]]:
    """The oracle: the distinct prefixes are the nodes of the trees."""
    return {tuple(s[:n]) for s in sequences for n in range(1, len(s) + 1)}


@given(forests())
@example([[5]])
@example([[1, 2, 3], [1, 2, 3]])
@example([[1, 2], [1, 2, 3], [1]])
def test_a_path_to_the_root_is_the_sequence(sequences: list[list[int]]) -> None:
    forest = prefix_forest(arrays(sequences))
    ids, depth, end = forest.ids.tolist(), forest.depth.tolist(), forest.end.tolist()
    assert len(ids) == len(prefixes(sequences))
    for sequence, last in zip(sequences, forest.last.tolist(), strict=True):
        path = [k for k in range(last + 1) if last < end[k]]
        assert [ids[k] for k in path] == sequence
        assert [depth[k] for k in path] == list(range(len(sequence)))


@given(forests())
def test_the_order_is_that_of_the_tokens(sequences: list[list[int]]) -> None:
    order = prefix_order(arrays(sequences))
    assert [sequences[i] for i in order] == sorted(sequences)


def test_tokens_above_a_byte_and_shared_lengths() -> None:
    ordered = [[7], [7, 255, 1], [7, 256], [7, 256], [70000]]
    assert prefix_order(arrays(ordered)).tolist() == [0, 1, 2, 3, 4]
    assert shared_prefixes(arrays(ordered)).tolist() == [0, 1, 1, 2, 0]


@given(forests(), st.data())
def test_the_packed_cost_of_any_part_is_its_distinct_prefixes(sequences: list[list[int]], data: st.DataObject) -> None:
    numbers = st.lists(st.integers(0, len(sequences) - 1), unique=True)
    part = np.array(data.draw(numbers), np.int64)
    chosen = [sequences[i] for i in part]
    assert LAYOUT_COSTS["packed"](arrays(sequences)).tokens(part) == len(prefixes(chosen))
    longest = max(map(len, chosen), default=0)
    assert LAYOUT_COSTS["padded"](arrays(sequences)).tokens(part) == longest * len(part)


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_places_are_a_permutation(layout: str) -> None:
    sequences = [[3, 4], [1], [3, 4, 5], [3]]
    assert sorted(LAYOUT_COSTS[layout](arrays(sequences)).place.tolist()) == [0, 1, 2, 3]
