"""Batch planning: the global batch ignores hardware, and every pair runs exactly once an epoch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rmx.config.schema import BatchConfig
from rmx.data.plan import StepPlan, global_batches


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
