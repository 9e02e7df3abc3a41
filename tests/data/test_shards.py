"""Cutting for the hardware: everything runs exactly once, within the budget, and evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.forests import forests
from tests.stores import store_of

from rmx.config.schema import BatchConfig
from rmx.data.layout_cost import LAYOUT_COSTS
from rmx.data.sequences import PairSet, micro_batch
from rmx.data.shards import oversized, pair_shards, sequence_shards

LAYOUTS = ["packed", "padded"]


def pair_set(sequences: list[list[int]], chosen: list[int], rejected: list[int]) -> PairSet:
    n = len(chosen)
    zeros = np.zeros(n, np.float32)
    ids = tuple(f"p{i}" for i in range(n))
    store = store_of(sequences)
    return PairSet(store, ids, ids, np.array(chosen), np.array(rejected), zeros, zeros, np.ones(n, np.float32))


@st.composite
def pair_sets(draw: st.DrawFn) -> PairSet:
    sequences = draw(forests())
    index = st.integers(0, len(sequences) - 1)
    pairs = draw(st.lists(st.tuples(index, index), min_size=1, max_size=24))
    return pair_set(sequences, [a for a, _ in pairs], [b for _, b in pairs])


def cost(layout: str, pairs: PairSet, members: np.ndarray) -> int:
    sides = np.unique(np.concatenate([pairs.chosen[members], pairs.rejected[members]]))
    return LAYOUT_COSTS[layout]([pairs.store.ids(i) for i in sides]).tokens(np.arange(len(sides)))


@given(pair_sets(), st.integers(1, 200), st.integers(1, 4), st.sampled_from(LAYOUTS))
def test_shards_cover_the_global_batch_once_within_the_budget(
    pairs: PairSet, budget: int, world_size: int, layout: str
) -> None:
    batch = BatchConfig(max_tokens=budget, layout=layout)
    ranks = pair_shards(pairs, np.arange(len(pairs)), batch, world_size=world_size)
    assert len({len(r) for r in ranks}) == 1
    real = [s.members for rank in ranks for s in rank if not s.filler]
    assert sorted(np.concatenate(real).tolist()) == list(range(len(pairs)))
    for members in real:
        assert cost(layout, pairs, members) <= budget or len(members) == 1


@given(forests(), st.integers(1, 200), st.integers(1, 3), st.sampled_from(LAYOUTS))
def test_scoring_covers_every_sequence_once_within_the_budget(
    sequences: list[list[int]], budget: int, world_size: int, layout: str
) -> None:
    store = store_of(sequences)
    ranks = sequence_shards(store, BatchConfig(max_tokens=budget, layout=layout), world_size=world_size)
    assert len({len(r) for r in ranks}) == 1
    real = [s.members for rank in ranks for s in rank if not s.filler]
    assert sorted(np.concatenate(real).tolist()) == list(range(len(sequences)))
    for members in real:
        tokens = LAYOUT_COSTS[layout]([store.ids(i) for i in members]).tokens(np.arange(len(members)))
        assert tokens <= budget or len(members) == 1


def test_nothing_to_score_is_no_batch() -> None:
    assert sequence_shards(store_of([]), BatchConfig(), world_size=2) == [[], []]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_micro_batches_cost_about_the_same(layout: str, world_size: int) -> None:
    """A greedy filling would leave a last micro-batch of a tenth."""
    rng = np.random.default_rng(0)
    sequences = [[i, *rng.integers(0, 1000, 40).tolist()] for i in range(62)]
    pairs = pair_set(sequences, list(range(0, 62, 2)), list(range(1, 62, 2)))
    ranks = pair_shards(pairs, np.arange(31), BatchConfig(max_tokens=850, layout=layout), world_size=world_size)
    costs = [cost(layout, pairs, shard.members) for rank in ranks for shard in rank]
    assert min(costs) >= 0.6 * max(costs)


def test_comparisons_above_the_budget_are_known() -> None:
    pairs = pair_set([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 7], [9] * 4, [8] * 6], [0, 2], [1, 3])
    assert oversized(pairs, BatchConfig(max_tokens=7)).tolist() == [10]
    assert oversized(pairs, BatchConfig(max_tokens=7, layout="padded")).tolist() == [12, 12]
    assert oversized(pairs, BatchConfig(max_tokens=12, layout="padded")).tolist() == []


def test_pairs_of_one_prompt_run_together_when_packed() -> None:
    rng = np.random.default_rng(0)
    prompts = rng.integers(0, 1000, (4, 50)).tolist()
    sequences = [[*prompts[i % 4], i] for i in range(32)]
    pairs = pair_set(sequences, list(range(16)), list(range(16, 32)))
    (rank,) = pair_shards(pairs, np.arange(16), BatchConfig(max_tokens=60), world_size=1)
    assert [sorted(set((shard.members % 4).tolist())) for shard in rank] == [
        [i] for i in np.argsort(prompts, axis=0)[:, 0]
    ]


def test_a_completion_in_several_comparisons_runs_once() -> None:
    pairs = pair_set([[0, 1, 2], [100, 101], [200]], [0, 0, 1], [1, 2, 2])
    batch = micro_batch(pairs, np.array([0, 1, 2]))
    assert batch.sequences.lengths.tolist() == [3, 2, 1]
    assert batch.sequences.ids.tolist() == [0, 1, 2, 100, 101, 200]
    assert (batch.chosen.tolist(), batch.rejected.tolist()) == ([0, 0, 1], [1, 2, 2])


@pytest.mark.parametrize("world_size", [2, 3])
def test_fillers_carry_no_weight(world_size: int) -> None:
    pairs = pair_set([[5], [6]], [0], [1])
    ranks = pair_shards(pairs, np.array([0]), BatchConfig(), world_size=world_size)
    fillers = [s for rank in ranks for s in rank if s.filler]
    assert len(fillers) == world_size - 1
    assert micro_batch(pairs, fillers[0].members, weightless=True).weight.tolist() == [0.0]
