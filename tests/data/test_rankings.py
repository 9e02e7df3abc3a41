"""Rankings put together again from their pairs, never cut, and read once."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.stores import store_of

from rmx.config.schema import BatchConfig, LossConfig
from rmx.data.rankings import Ranking
from rmx.data.sequences import PairSet, build_pair_set, micro_batch
from rmx.data.shards import oversized, pair_shards
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import DataError
from rmx.loss import BradleyTerry
from rmx.loss.plackett_luce import PlackettLuce

PL = LossConfig(kind="plackett_luce")


def ranked_pairs(
    shapes: list[list[int]], *, adjacent: bool = False
) -> tuple[list[PreferencePair], list[int], list[int]]:
    """Return the pairs of rankings given by the rank of each completion, each completion a sequence of its own."""
    pairs, chosen, rejected, start = [], [], [], 0
    for number, ranks in enumerate(shapes):
        for i, j in combinations(range(len(ranks)), 2):
            if ranks[i] == ranks[j] or (adjacent and abs(ranks[i] - ranks[j]) > 1):
                continue
            best, worst = sorted((i, j), key=lambda item: ranks[item])
            tags = {"ranking": f"r{number}", "chosen_rank": str(ranks[best]), "rejected_rank": str(ranks[worst])}
            pairs.append(
                PreferencePair(
                    f"{number}/{i}/{j}", (Message("user", "?"),), "a", "b", Origin("f", number + 1), group=f"g{number}",
                    weight=1.0 + number, tags=tags,
                )
            )  # fmt: skip
            chosen.append(start + best)
            rejected.append(start + worst)
        start += len(ranks)
    return pairs, chosen, rejected


def pair_set(shapes: list[list[int]], loss: LossConfig = PL, *, adjacent: bool = False, tokens: int = 3) -> PairSet:
    pairs, chosen, rejected = ranked_pairs(shapes, adjacent=adjacent)
    store = store_of([[i] * tokens for i in range(sum(map(len, shapes)))])
    return build_pair_set(pairs, store, np.array(chosen), np.array(rejected), loss, soft_labels=False)


shape = st.lists(st.integers(1, 3), min_size=2, max_size=5).filter(lambda ranks: len(set(ranks)) > 1)


@pytest.mark.parametrize("adjacent", [False, True])
@given(shapes=st.lists(shape.map(lambda r: [sorted(set(r)).index(x) + 1 for x in r]), min_size=1, max_size=6))
def test_rankings_are_what_they_were_before_they_became_pairs(adjacent: bool, shapes: list[list[int]]) -> None:
    pairs = pair_set(shapes, adjacent=adjacent)
    micro = micro_batch(pairs, np.random.default_rng(0).permutation(len(pairs)))
    found = {}
    for batch in micro.rankings:
        for items, weight in zip(batch.items.tolist(), batch.weight.tolist(), strict=True):
            numbers = micro.sequences.index[items].tolist()
            found[min(numbers)] = (numbers, batch.sizes, weight)
    start = 0
    for number, ranks in enumerate(shapes):
        order = sorted(range(len(ranks)), key=lambda i: (ranks[i], i))
        sizes = tuple(ranks.count(rank) for rank in sorted(set(ranks)))
        items, found_sizes, weight = found[start]
        assert (items, found_sizes) == ([start + i for i in order], sizes)
        # However many pairs it has, a ranking weighs as much as its row.
        assert weight == pytest.approx(1.0 + number)
        start += len(ranks)


@given(st.lists(shape, min_size=1, max_size=8), st.integers(1, 60), st.integers(1, 3))
def test_a_ranking_never_straddles_micro_batches(shapes: list[list[int]], budget: int, world_size: int) -> None:
    pairs = pair_set(shapes)
    batch = BatchConfig(max_tokens=budget)
    ranks = pair_shards(pairs, np.arange(len(pairs)), batch, world_size=world_size)
    assert len({len(rank) for rank in ranks}) == 1
    seen: list[str] = []
    for shard in (s for rank in ranks for s in rank if not s.filler):
        names = {pairs.rankings.ids[i] for i in shard.members}
        assert len(shard.members) == sum(name in names for name in pairs.rankings.ids)
        seen += names
    assert sorted(seen) == sorted(set(pairs.rankings.ids))


def test_a_ranking_above_the_budget_is_known_as_one() -> None:
    pairs = pair_set([[1, 2, 3, 4], [1, 2]])
    assert oversized(pairs, BatchConfig(max_tokens=8)).tolist() == [12]
    assert oversized(pair_set([[1, 2, 3, 4], [1, 2]], LossConfig()), BatchConfig(max_tokens=8)).tolist() == []


def test_rankings_of_two_are_bradley_terry_weights_included() -> None:
    shapes = [[1, 2], [2, 1], [1, 2]]
    rewards = torch.randn(6, generator=torch.manual_seed(0))
    sums = []
    for config, loss in ((PL, PlackettLuce(center=0.1)), (LossConfig(), BradleyTerry(center=0.1))):
        pairs = pair_set(shapes, config)
        terms, weight = loss(rewards, micro_batch(pairs, np.arange(3)))
        sums.append((float((weight * terms.total).sum()), float(weight.sum())))
    assert sums[0] == pytest.approx(sums[1], abs=1e-5)


def test_every_group_may_weigh_the_same() -> None:
    config = LossConfig(kind="plackett_luce", per="group")
    micro = micro_batch(pairs := pair_set([[1, 2, 3], [1, 2]], config), np.arange(len(pairs)))
    assert sorted(w for batch in micro.rankings for w in batch.weight.tolist()) == pytest.approx([1.0, 1.0])


def test_too_many_orders_are_refused() -> None:
    assert Ranking((0, 1, 2, 3, 4), (2, 3)).orders == 2
    with pytest.raises(DataError, match=r"f row 1: the ranking's ties leave 5,040 orders open") as caught:
        pair_set([[1] * 7 + [2]])
    assert "\n" not in str(caught.value)
