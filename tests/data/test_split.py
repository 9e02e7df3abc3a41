import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.comparison import Rejection
from rmx.data.groups import group_pairs, index_prompts
from rmx.data.overlap import count_overlap, verify_split
from rmx.data.prepare import prepare
from rmx.data.prepared import split_rows
from rmx.data.split import assign_splits, count_moved, in_fold, in_half
from rmx.data.summary import summarise
from rmx.data.text import unit_interval
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import ConfigError, DataError


def pairs_of(prompts: list[str], groups: list[str] | None = None) -> list[PreferencePair]:
    return [
        PreferencePair(
            f"p{k}", (Message("user", p),), "a", "b", Origin("f", k), group=groups[k] if groups is not None else ""
        )
        for k, p in enumerate(prompts)
    ]


def split_of(pairs, split: SplitConfig) -> dict[str, str]:
    prompts = index_prompts(pairs)
    grouping = group_pairs(pairs, prompts, near_duplicates=True, jaccard=0.8)
    return dict(zip([p.pair_id for p in pairs], assign_splits(pairs, prompts, grouping, split), strict=True))


def test_shares_are_met_in_the_long_run():
    pairs = pairs_of([f"question {k}" for k in range(8000)])
    splits = list(split_of(pairs, SplitConfig(validation=0.05, heldout=0.15)).values())
    # Four standard errors of a binomial share.
    assert splits.count("heldout") / 8000 == pytest.approx(0.15, abs=4 * (0.15 * 0.85 / 8000) ** 0.5)
    assert splits.count("validation") / 8000 == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 8000) ** 0.5)
    assert set(split_of(pairs[:50], SplitConfig(validation=0.0, heldout=0.0)).values()) == {"train"}


RANK = {"train": 0, "validation": 1, "heldout": 2}


@settings(max_examples=60)
@given(st.data())
def test_added_rows_move_old_ones_only_away_from_train(data):
    prompt = st.integers(0, 60).map(lambda n: f"prompt {n}")
    group = st.sampled_from(["", "g1", "g2", "g3", "g4", "g5"])
    rows = data.draw(st.lists(st.tuples(prompt, group), min_size=2, max_size=40))
    kept = data.draw(st.integers(1, len(rows) - 1))
    split = SplitConfig(validation=0.2, heldout=0.3)
    pairs = pairs_of([p for p, _ in rows], [g for _, g in rows])
    before, after = split_of(pairs[:kept], split), split_of(pairs, split)
    assert all(RANK[after[k]] >= RANK[before[k]] for k in before)


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.sampled_from(["grouped", "row_random"]))
def test_the_order_of_rows_does_not_matter(rng, mode):
    pairs = pairs_of([f"prompt {rng.randrange(30)}" for _ in range(60)])
    split = SplitConfig(validation=0.2, heldout=0.3, mode=mode)
    assert split_of(rng.sample(pairs, len(pairs)), split) == split_of(pairs, split)


def test_groups_stay_whole_and_are_held_out_if_any_prompt_is():
    split = SplitConfig(validation=0.0, heldout=0.2)
    prompts = [f"prompt {k}" for k in range(400)]
    alone = split_of(pairs_of(prompts), split)
    together = split_of(pairs_of(prompts, [f"g{k // 4}" for k in range(400)]), split)
    for start in range(0, 400, 4):
        members = [f"p{k}" for k in range(start, start + 4)]
        expected = "heldout" if any(alone[m] == "heldout" for m in members) else "train"
        assert {together[m] for m in members} == {expected}


def test_row_random_parts_pairs_of_one_prompt():
    pairs = pairs_of([f"prompt {k % 10}" for k in range(200)])
    split = split_of(pairs, SplitConfig(heldout=0.5, validation=0.0, mode="row_random"))
    of_first = {split[f"p{k}"] for k in range(0, 200, 10)}
    assert of_first == {"train", "heldout"}


def test_the_salt_chooses_other_groups():
    pairs = pairs_of([f"prompt {k}" for k in range(300)])
    assert split_of(pairs, SplitConfig(salt="a")) != split_of(pairs, SplitConfig(salt="b"))


def test_moved_pairs_are_counted_by_direction(tmp_path):
    rng = random.Random(0)
    before = {f"p{k}": rng.choice(["train", "heldout"]) for k in range(100)}
    after = {**before, "p3": "validation", "new": "train"}
    flipped = [k for k, v in before.items() if v == "train" and k != "p3"][:5]
    after |= dict.fromkeys(flipped, "heldout")
    del after["p99" if "p99" not in flipped else "p98"]
    path = tmp_path / "split.parquet"
    pq.write_table(pa.table({"pair_id": list(before), "split": list(before.values())}), path)
    assert count_moved(after, path) == {"train to heldout": 5, f"{before['p3']} to validation": 1}
    assert count_moved(before, path) == {}
    with pytest.raises(DataError, match="not a split of an earlier run"):
        count_moved(before, tmp_path / "none.parquet")


def test_shares_and_mode_are_checked():
    pairs = pairs_of(["a", "b"])
    with pytest.raises(ConfigError, match="did you mean `row_random`"):
        split_of(pairs, SplitConfig(mode="random"))
    with pytest.raises(ConfigError, match="must leave a share to train on"):
        split_of(pairs, SplitConfig(validation=0.5, heldout=0.5))


def test_the_halves_share_no_group_and_together_are_train() -> None:
    groups = [f"g{i}" for i in range(400)]
    first, second = ({g for g in groups if in_half(g, SplitConfig(half=half))} for half in ("first", "second"))
    assert not first & second
    assert first | second == set(groups)
    assert 150 < len(first) < 250
    assert all(in_half(g, SplitConfig()) for g in groups)


def test_two_runs_on_the_halves_are_judged_on_the_same_pairs(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {i} of many?", "chosen": f"yes {i}", "rejected": f"no {i}"} for i in range(120)]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
    whole, one, other = (
        prepare(DataConfig(path=str(path), columns=columns, split=SplitConfig(heldout=0.2, half=half)))
        for half in (None, "first", "second")
    )
    for name in ("validation", "heldout"):
        assert whole.splits[name] == one.splits[name] == other.splits[name]
    ids = [{pair.pair_id for pair in prepared.splits["train"]} for prepared in (whole, one, other)]
    assert ids[1] | ids[2] == ids[0]
    assert not {p.group for p in one.splits["train"]} & {p.group for p in other.splits["train"]}
    assert one.ledger.rejected == {"other_half": len(other.splits["train"])}
    assert one.ledger.balances
    assert len({p.fingerprint for p in (whole, one, other)}) == 3


FOLDS = st.integers(2, 9)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 30)), min_size=1, max_size=120), FOLDS)
def test_each_group_is_held_out_in_one_fold_and_validates_for_one_other_at_most(rows, folds):
    pairs = pairs_of([f"prompt {p}" for p, _ in rows], [f"g{g}" for _, g in rows])
    share = 1 / (2 * folds)
    runs = [split_of(pairs, SplitConfig(validation=share, folds=folds, fold=k)) for k in range(folds)]
    prompts = index_prompts(pairs)
    names = group_pairs(pairs, prompts, near_duplicates=True, jaccard=0.8).names
    lowest = {}
    for name, prompt in zip(names, prompts.of_pair, strict=True):
        number = unit_interval(prompts.texts[prompt], "rmx")
        lowest[name] = min(lowest.get(name, 1.0), number)
    for pair, name in zip(pairs, names, strict=True):
        places = [run[pair.pair_id] for run in runs]
        own = int(lowest[name] * folds)
        assert [k for k, place in enumerate(places) if place == "heldout"] == [own]
        # The first half of a fold validates for the fold before it.
        validates = [(own - 1) % folds] if lowest[name] * folds - own < share * folds else []
        assert [k for k, place in enumerate(places) if place == "validation"] == validates


def test_the_first_fold_is_the_ordinary_split_of_its_share():
    pairs = pairs_of([f"question {k}" for k in range(500)])
    of_fold = split_of(pairs, SplitConfig(validation=0.1, folds=4, fold=0))
    assert of_fold == split_of(pairs, SplitConfig(validation=0.1, heldout=0.25))


@settings(max_examples=30)
@given(st.sets(st.integers(0, 300), min_size=2, max_size=80), FOLDS)
def test_rows_of_other_prompts_move_nothing_between_folds(numbers, folds):
    prompts = [f"prompt {n}" for n in sorted(numbers)]
    fewer = pairs_of(prompts)
    more = fewer + [replace(p, pair_id=f"new {p.pair_id}") for p in pairs_of([f"another {n}" for n in numbers])]
    for fold in range(folds):
        split = SplitConfig(validation=0, folds=folds, fold=fold)
        now = split_of(more, split)
        assert all(now[k] == place for k, place in split_of(fewer, split).items())


def test_what_a_slice_from_elsewhere_shares_with_the_data_is_judged_where_it_is_held_out():
    own = pairs_of([f"prompt {k}" for k in range(60)])
    other = [replace(p, pair_id=f"x{p.pair_id}", group=f"h{k}") for k, p in enumerate(own[::2])]
    seen = []
    for fold in range(4):
        split = SplitConfig(validation=0.1, folds=4, fold=fold)
        judged = in_fold(other, split)
        held_out = {own[int(i[1:])].prompt for i, place in split_of(own, split).items() if place == "heldout"}
        assert {p.prompt for p in judged} == {p.prompt for p in other} & held_out
        seen += judged
    assert sorted(p.pair_id for p in seen) == sorted(p.pair_id for p in other)
    assert in_fold(other, SplitConfig()) == tuple(other)


def folds_data(tmp_path: Path, fold: int | None, **changes) -> DataConfig:
    subjects = ["a song", "the rain", "my cat", "an old ship", "two trains", "his garden", "the moon", "salt"]
    rows = [
        {
            "prompt": f"Tell me number {k // 2} about {subjects[k // 2 % 8]}",
            "chosen": f"yes {k}",
            "rejected": f"no {k}",
            "votes": [3, 0] if k % 5 else [2, 1],
        }
        for k in range(160)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "votes": "votes"}
    split = SplitConfig(validation=0.1, folds=4, fold=fold)
    return DataConfig(path=str(path), columns=columns, annotators="hold_out", split=split, **changes)


def test_the_ledger_of_all_folds_puts_every_pair_where_its_own_run_puts_it(tmp_path: Path) -> None:
    whole = prepare(folds_data(tmp_path, None))
    runs = [prepare(folds_data(tmp_path, fold)) for fold in range(4)]
    assert whole.ledger.balances
    assert list(whole.splits) == ["fold_0", "fold_1", "fold_2", "fold_3", "disputed"]
    for fold, run in enumerate(runs):
        assert whole.splits[f"fold_{fold}"] == run.splits["heldout"]
        assert not {p.group for p in run.splits["train"]} & {p.group for p in run.splits["heldout"]}
    disputed = [p.pair_id for run in runs for p in run.splits["disputed"]]
    assert sorted(p.pair_id for p in whole.splits["disputed"]) == sorted(disputed)
    assert len(disputed) == len(set(disputed)) == 32  # every divided pair is set aside once
    assert {o.pairs for o in whole.ledger.overlap.values()} == {0}
    assert list(whole.ledger.overlap) == ["fold_0", "fold_1", "fold_2", "fold_3"]
    assert len({p.fingerprint for p in (whole, *runs)}) == 5
    assert "overlap of each fold with all others: 0 pairs" in summarise(whole.ledger)


def test_prepared_folds_come_back_from_the_cache_and_from_their_files(tmp_path: Path) -> None:
    first = prepare(folds_data(tmp_path, None), cache=tmp_path / "cache")
    assert prepare(folds_data(tmp_path, None), cache=tmp_path / "cache") == first
    first.write(tmp_path / "data")
    assert verify_split(tmp_path / "data") == first.ledger.overlap
    gone = first.splits["fold_2"][0]
    fewer = first.drop([Rejection(gone.pair_id, gone.origin, "over_length", "too long")])
    assert fewer.ledger.balances
    assert fewer.ledger.splits["fold_2"] == first.ledger.splits["fold_2"] - 1


def test_a_prompt_in_two_folds_is_counted(tmp_path: Path) -> None:
    rows = split_rows(prepare(folds_data(tmp_path, None)).splits)
    groups = Counter(r.group for r in rows if r.split == "fold_1")
    moved = next(r for r in rows if r.split == "fold_1" and groups[r.group] > 1)
    leaky = [r._replace(split="fold_3") if r == moved else r for r in rows]
    found = count_overlap(leaky)
    rest = sum(r.group == moved.group and r.split == "fold_1" for r in leaky)
    assert rest > 0
    assert {name: o.pairs for name, o in found.items()} == {"fold_0": 0, "fold_1": rest, "fold_2": 0, "fold_3": 1}


def test_too_few_groups_for_the_folds_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fold \d has no pairs to judge: .* too few for data\.split\.folds=4"):
        prepare(folds_data(tmp_path, None, limit=6))


def test_a_final_model_changes_no_fingerprint(tmp_path: Path) -> None:
    data = folds_data(tmp_path, None)
    assert prepare(data).fingerprint == prepare(replace(data, split=replace(data.split, final=True))).fingerprint
