"""Batch planning: the global batch ignores hardware, and every pair runs exactly once an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.config.schema import BatchConfig
from rmx.data.plan import StepPlan, global_batches, score_shards, shards
from rmx.data.sequences import PairSet, micro_batch


class Store:
    def __init__(self, lengths: list[int]) -> None:
        self.lengths = np.array(lengths, np.int64)

    def ids(self, i: int) -> np.ndarray:
        return np.arange(self.lengths[i], dtype=np.int32) + 100 * i


def pair_set(lengths: list[int], chosen: list[int], rejected: list[int]) -> PairSet:
    n = len(chosen)
    zeros = np.zeros(n, np.float32)
    ids = tuple(f"p{i}" for i in range(n))
    weight = np.ones(n, np.float32)
    return PairSet(Store(lengths), ids, ids, np.array(chosen), np.array(rejected), zeros, zeros, weight)


@st.composite
def pair_sets(draw: st.DrawFn) -> PairSet:
    lengths = draw(st.lists(st.integers(1, 60), min_size=2, max_size=20))
    index = st.integers(0, len(lengths) - 1)
    pairs = draw(st.lists(st.tuples(index, index), min_size=1, max_size=24))
    return pair_set(lengths, [a for a, _ in pairs], [b for _, b in pairs])


@given(pair_sets(), st.integers(1, 400), st.integers(1, 4))
def test_shards_cover_the_global_batch_once_within_the_budget(pairs: PairSet, budget: int, world_size: int) -> None:
    batch = BatchConfig(max_tokens=budget)
    ranks = shards(pairs, np.arange(len(pairs)), batch, world_size=world_size)
    assert len({len(r) for r in ranks}) == 1
    real = [s.members for rank in ranks for s in rank if not s.filler]
    assert sorted(np.concatenate(real).tolist()) == list(range(len(pairs)))
    for members in real:
        unique = np.unique(np.concatenate([pairs.chosen[members], pairs.rejected[members]]))
        cost = pairs.store.lengths[unique].max() * len(unique)
        assert cost <= budget or len(members) == 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 300), st.integers(1, 3))
def test_scoring_covers_every_sequence_once(lengths: list[int], budget: int, world_size: int) -> None:
    ranks = score_shards(np.array(lengths), BatchConfig(max_tokens=budget), world_size=world_size)
    assert len({len(r) for r in ranks}) == 1
    real = np.concatenate([s.members for rank in ranks for s in rank if not s.filler])
    assert sorted(real.tolist()) == list(range(len(lengths)))


def test_a_step_is_a_pure_function_of_seed_data_and_number() -> None:
    plan = StepPlan(tuple("abcdefghij"), BatchConfig(pairs=3), seed=1, fingerprint="f", max_epochs=3, max_steps=None)
    assert plan.total_steps == 12
    assert [s for s, _ in plan.steps()] == list(range(12))
    late = dict(plan.steps(start=5))
    assert all(np.array_equal(late[s], m) for s, m in plan.steps() if s >= 5)
    first = np.concatenate([m for s, m in plan.steps() if s < 4])
    assert sorted(first.tolist()) == list(range(10))
    second = np.concatenate([m for s, m in plan.steps() if 4 <= s < 8])
    assert not np.array_equal(first, second)


def test_max_steps_wins_over_epochs_and_goes_round_the_data() -> None:
    plan = StepPlan(tuple("abcd"), BatchConfig(pairs=4), seed=1, fingerprint="f", max_epochs=1, max_steps=7)
    assert len(list(plan.steps())) == plan.total_steps == 7


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 8))
def test_grouped_batches_never_split_a_group(groups: list[int], size: int) -> None:
    names = [str(g) for g in groups]
    batches = global_batches(names, BatchConfig(pairs=size, group=True), seed=0, fingerprint="", epoch=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(groups)))
    owners = [{names[i] for i in b} for b in batches]
    assert sum(len(o) for o in owners) == len(set(names))
    assert all(len(b) <= size or len(o) == 1 for b, o in zip(batches, owners, strict=True))


def test_a_completion_in_several_comparisons_runs_once() -> None:
    pairs = pair_set([3, 4, 5], [0, 0, 1], [1, 2, 2])
    batch = micro_batch(pairs, np.array([0, 1, 2]))
    assert len(batch.sequences) == 3
    assert batch.sequences.lengths.tolist() == [3, 4, 5]
    assert batch.sequences.ids.tolist() == [0, 1, 2, 100, 101, 102, 103, 200, 201, 202, 203, 204]
    assert (batch.chosen.tolist(), batch.rejected.tolist()) == ([0, 0, 1], [1, 2, 2])


@pytest.mark.parametrize("world_size", [2, 3])
def test_fillers_carry_no_weight(world_size: int) -> None:
    pairs = pair_set([5, 6], [0], [1])
    ranks = shards(pairs, np.array([0]), BatchConfig(), world_size=world_size)
    fillers = [s for rank in ranks for s in rank if s.filler]
    assert len(fillers) == world_size - 1
    assert micro_batch(pairs, fillers[0].members, weightless=True).weight.tolist() == [0.0]
