"""The weights of a mixture: exact proportions, even use of every source, and a step that depends on nothing before."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmx.config.schema import BatchConfig
from rmx.data.plan import StepPlan
from rmx.data.shares import Mixing, epoch_counts, needed_counts

SIZES = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 60), min_size=1, max_size=4)
WEIGHTS = st.sampled_from([0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0])


@pytest.mark.parametrize(
    ("train", "weights", "counts"),
    [
        # The scarcest for its weight gives all it has; the other keeps the proportion.
        ({"hh": 1400, "alpaca": 11000}, {"hh": 1.0, "alpaca": 1.0}, {"hh": 1400, "alpaca": 1400}),
        ({"hh": 1400, "alpaca": 11000}, {"hh": 2.0, "alpaca": 1.0}, {"hh": 1400, "alpaca": 700}),
        ({"hh": 1400, "alpaca": 11000}, {"hh": 1.0, "alpaca": 9.0}, {"hh": 1222, "alpaca": 11000}),
        ({"hh": 10, "alpaca": 7}, {"hh": None, "alpaca": None}, {"hh": 10, "alpaca": 7}),
        ({"a": 5, "b": 9, "c": 9}, {"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 5, "b": 5, "c": 5}),
        ({"a": 100, "b": 1}, {"a": 1.0, "b": 2.0}, {"a": 0, "b": 1}),
    ],
)
def test_an_epoch_holds_what_the_weights_say(train: dict, weights: dict, counts: dict) -> None:
    assert epoch_counts(train, weights) == counts


@given(SIZES, st.data())
def test_the_proportion_is_exact_to_the_pair_and_no_longer_epoch_keeps_it(sizes: dict[str, int], data) -> None:
    weights = {name: data.draw(WEIGHTS) for name in sizes}
    counts = epoch_counts(sizes, weights)
    total, whole = sum(counts.values()), sum(weights.values())
    for name, count in counts.items():
        assert 0 <= count <= sizes[name]
        assert abs(count - total * weights[name] / whole) < 1
    # One pair more would need more than some source has.
    assert any((total + 1) * weights[name] / whole > sizes[name] for name in sizes)
    doubled = {name: 2 * weight for name, weight in weights.items()}
    assert epoch_counts(sizes, doubled) == counts


@given(st.integers(1, 500), st.lists(WEIGHTS, min_size=1, max_size=4))
def test_as_many_as_are_needed_make_an_epoch_that_is_long_enough(total: int, weights: list[float]) -> None:
    named = {str(k): weight for k, weight in enumerate(weights)}
    needed = needed_counts(total, named)
    assert total <= sum(epoch_counts(needed, named).values()) <= sum(needed.values()) < total + len(weights)


def plan(sizes: dict[str, int], weights: dict[str, float], *, group: bool = False, epochs: int = 3) -> StepPlan:
    sources = tuple(chain.from_iterable([name] * n for name, n in sizes.items()))
    groups = tuple(f"g{k // 3}" for k in range(len(sources)))
    mixing = Mixing(sources, epoch_counts(sizes, weights))
    return StepPlan(groups, BatchConfig(pairs=4, group=group), 1, "f", epochs, None, mixing)


@settings(max_examples=60)
@given(SIZES, st.data(), st.booleans())
def test_every_source_is_used_evenly_and_no_pair_twice_in_an_epoch(sizes: dict[str, int], data, group: bool) -> None:
    weights = {name: data.draw(WEIGHTS) for name in sizes}
    planned = plan(sizes, weights, group=group, epochs=5)
    counts = epoch_counts(sizes, weights)
    if not all(counts.values()):
        return
    seen: Counter[int] = Counter()
    for epoch in range(5):
        members = np.concatenate(planned._epoch(epoch)).tolist()
        assert len(set(members)) == len(members)
        assert Counter(planned.mixing.sources[m] for m in members) == counts
        seen.update(members)
        for name in sizes:
            uses = [seen[k] for k, source in enumerate(planned.mixing.sources) if source == name]
            assert max(uses) - min(uses) <= 1


def test_a_step_is_a_function_of_seed_data_and_number() -> None:
    whole = dict(plan({"a": 30, "b": 11}, {"a": 1.0, "b": 2.0}).steps())
    late = dict(plan({"a": 30, "b": 11}, {"a": 1.0, "b": 2.0}).steps(start=5))
    assert late.keys() == {k for k in whole if k >= 5}
    assert all((late[k] == whole[k]).all() for k in late)


def test_equal_weights_over_equal_sources_are_a_mixture_without_weights_in_number() -> None:
    weighted = plan({"a": 12, "b": 12}, {"a": 3.0, "b": 3.0}, epochs=1)
    assert sorted(np.concatenate([m for _, m in weighted.steps()]).tolist()) == list(range(24))


def test_whole_groups_stay_together_where_batches_are_filled_by_group() -> None:
    planned = plan({"a": 30, "b": 300}, {"a": 1.0, "b": 1.0}, group=True, epochs=1)
    drawn = [m for m in np.concatenate(planned._epoch(0)).tolist() if m >= 30]
    sizes = Counter(planned.groups[m] for m in drawn)
    # Only where the epoch cuts the circle may a group be parted.
    assert sum(n < 3 for n in sizes.values()) <= 1
