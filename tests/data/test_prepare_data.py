import json
import random
import subprocess
import sys
from collections import Counter

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.comparison import Rejection
from rmx.data.prepare import prepare
from rmx.data.summary import summarise
from rmx.domain import Origin
from rmx.errors import DataError

LABELS = {"first": [1], "second": [2], "tie": [0], "abstain": [None]}
COLUMNS = {"prompt": "prompt", "first": "a", "second": "b", "label": "label", "weight": "weight"}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def clean(n, start=0):
    return [
        {"prompt": f"Question {k}", "a": f"answer {k}", "b": f"other {k}", "label": 1 + k % 2, "weight": 1}
        for k in range(start, start + n)
    ]


def compared(path, **config):
    return DataConfig(path=path, format="comparison", columns=COLUMNS, labels=LABELS, **config)


def dirty():
    rows = clean(60)
    rows[1] |= {"label": 0}
    rows[2] |= {"label": None}
    rows[3] |= {"label": 7}
    rows[4] |= {"b": "  answer   4 "}
    rows[5] |= {"prompt": " "}
    rows[6] |= {"a": "\n"}
    rows[7] |= {"weight": float("nan")}
    rows[8] |= {"weight": -2}
    rows[9] |= {"a": "half \ud83d"}
    rows[10] |= {"b": None}
    rows.append({**rows[20], "prompt": "  Question 20"})  # folds to the same pair
    rows.append({**rows[21], "label": 3 - rows[21]["label"]})  # says the opposite
    return rows


def test_every_comparison_is_accounted_for_by_reason(tmp_path):
    prepared = prepare(compared(write(tmp_path / "rows.jsonl", dirty())))
    ledger = prepared.ledger
    assert ledger.rejected == {
        "tie_or_abstention": 2,
        "unknown_label": 1,
        "identical_candidates": 1,
        "empty_prompt": 1,
        "empty_completion": 1,
        "invalid_weight": 2,
        "invalid_text": 2,
        "duplicate_pair": 1,
    }
    assert ledger.review == {"contradiction": 2}
    assert (ledger.rows_in, ledger.comparisons_in, ledger.kept, ledger.held_out) == (62, 62, 49, 0)
    assert ledger.balances
    by_row = {r.origin.row: r.reason for r in prepared.rejections}
    assert by_row[2] == by_row[3] == "tie_or_abstention"
    assert by_row[61] == "duplicate_pair"
    assert {p.origin.row for p in prepared.review} == {22, 62}


def test_what_is_written_says_the_same(tmp_path):
    prepared = prepare(compared(write(tmp_path / "rows.jsonl", dirty())))
    folder = tmp_path / "run" / "data"
    prepared.write(folder)
    ledger = json.loads((folder / "ledger.json").read_text())
    assert ledger["comparisons_in"] == (
        ledger["kept"] + sum(ledger["rejected"].values()) + ledger["held_out"] + ledger["review"]
    )
    rejected = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
    assert Counter(r["reason"] for r in rejected) == ledger["rejected"]
    assert all(set(r) == {"id", "file", "row", "reason", "detail"} for r in rejected)
    review = [json.loads(line) for line in (folder / "review.jsonl").read_text().splitlines()]
    assert [r["reason"] for r in review] == ["contradiction"] * 2
    split = pq.read_table(folder / "split.parquet").to_pydict()
    assert Counter(split["split"]) == {k: v for k, v in ledger["splits"].items() if v}
    assert len(set(split["pair_id"])) == ledger["kept"]
    assert {p.name for p in folder.iterdir()} == {"ledger.json", "rejected.jsonl", "review.jsonl", "split.parquet"}
    text = summarise(prepared.ledger)
    assert "rows 62, comparisons 62: kept 49, rejected 11, held out 0, review 2" in text
    assert "rejected tie_or_abstention: 2" in text


def test_the_ledger_says_what_a_rule_did_to_labels_and_lengths(tmp_path):
    rows = clean(20)
    rows += [{"prompt": f"d{k}", "a": "x" * 30, "b": "", "label": 1, "weight": 1} for k in range(3)]
    effects = prepare(compared(write(tmp_path / "rows.jsonl", rows))).ledger.to_json()["effects"]
    assert effects["empty_completion"] == {
        "count": 3,
        "labelled": 3,
        "mean_chosen_length": 30.0,
        "mean_rejected_length": 0.0,
        "chosen_longer": 1.0,
    }
    # Odd rows prefer "other k", one character shorter than "answer k".
    assert effects["kept"]["chosen_longer"] == 0.5
    assert effects["kept"]["count"] == 20


row = st.builds(
    dict,
    prompt=st.sampled_from(["p1", "P1 ", "p2", "p3", "p4 ", "", "p5"]),
    a=st.sampled_from(["x", "y", " x", "", "z\u0000"]),
    b=st.sampled_from(["x", "y", "w", "", 4]),
    label=st.sampled_from([0, 1, 2, None, "?"]),
    weight=st.sampled_from([1, 1, 1, -1]),
)


@settings(max_examples=80)
@given(st.lists(row, max_size=30), st.sampled_from(["grouped", "row_random"]))
def test_the_ledger_balances_whatever_comes(tmp_path_factory, rows, mode):
    path = write(tmp_path_factory.mktemp("rows") / "rows.jsonl", [*rows, *clean(20)])
    split = SplitConfig(validation=0.1, heldout=0.2, mode=mode)
    prepared = prepare(compared(path, max_defects=1.0, split=split))
    places = [p.pair_id for pairs in prepared.splits.values() for p in pairs]
    assert len(places) == len(set(places))
    assert len(places) + len(prepared.review) + len(prepared.rejections) == len(rows) + 20
    rows_out = [p.origin.row for pairs in prepared.splits.values() for p in pairs]
    rows_out += [p.origin.row for p in prepared.review] + [r.origin.row for r in prepared.rejections]
    assert sorted(rows_out) == list(range(1, len(rows) + 21))
    if mode == "grouped":
        assert all(o.pairs == 0 for o in prepared.ledger.overlap.values())


def test_ids_and_splits_outlive_reordering(tmp_path):
    rows = clean(80)
    one = prepare(compared(write(tmp_path / "one.jsonl", rows)))
    two = prepare(compared(write(tmp_path / "two.jsonl", random.Random(3).sample(rows, 80))))
    for name, pairs in one.splits.items():
        assert {p.pair_id for p in pairs} == {p.pair_id for p in two.splits[name]}
    assert one.ledger.split_fingerprint == two.ledger.split_fingerprint
    assert one.fingerprint != two.fingerprint


def test_a_worlds_fingerprint_is_that_of_its_rows():
    """The order of training follows the fingerprint: 0 and 0.0, or a default written out, must not change it."""
    worlds = [{"pairs": 20}, {"pairs": 20, "length_shortcut": 0}, {"pairs": 20, "length_shortcut": 0.0, "facts": 3}]
    found = [prepare(DataConfig(name="w", format="synthetic", world=world)).fingerprint for world in worlds]
    other = prepare(DataConfig(name="w", format="synthetic", world={"pairs": 20, "length_shortcut": 1})).fingerprint
    assert len(set(found)) == 1
    assert other not in found


def test_given_ids_are_kept_and_must_be_unique(tmp_path):
    rows = [{"id": f"r{k}", **r} for k, r in enumerate(clean(30))]
    columns = {**COLUMNS, "id": "id"}
    data = DataConfig(path=write(tmp_path / "a.jsonl", rows), format="comparison", columns=columns, labels=LABELS)
    assert {p.pair_id for pairs in prepare(data).splits.values() for p in pairs} == {f"r{k}" for k in range(30)}
    rows[9]["id"] = "r4"
    data = DataConfig(path=write(tmp_path / "b.jsonl", rows), format="comparison", columns=columns, labels=LABELS)
    with pytest.raises(DataError, match=r"b\.jsonl row 10: id 'r4' stands already at .*b\.jsonl row 5"):
        prepare(data)


def test_the_cache_gives_back_the_same_and_notices_changes(tmp_path):
    path = tmp_path / "rows.jsonl"
    data = compared(write(path, dirty()))
    first = prepare(data, cache=tmp_path / "cache")
    again = prepare(data, cache=tmp_path / "cache")
    assert again == first
    assert again.ledger.to_json() == first.ledger.to_json()
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / "pairs.parquet").write_bytes(b"damaged")
    assert prepare(data, cache=tmp_path / "cache") == first
    write(path, [*dirty(), *clean(1, start=500)])
    assert prepare(data, cache=tmp_path / "cache").ledger.rows_in == 63
    other = prepare(compared(str(path), split=SplitConfig(salt="other")), cache=tmp_path / "cache")
    assert other.fingerprint != first.fingerprint
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_dropping_over_length_pairs_keeps_the_ledger_balanced(tmp_path):
    prepared = prepare(compared(write(tmp_path / "rows.jsonl", clean(100))))
    gone = [
        Rejection(p.pair_id, p.origin, "over_length", "700 tokens")
        for pairs in prepared.splits.values()
        for p in pairs[:3]
    ]
    smaller = prepared.drop(gone)
    assert smaller.ledger.rejected == {"over_length": len(gone)}
    assert smaller.ledger.balances
    assert smaller.ledger.kept == 100 - len(gone)
    assert smaller.fingerprint != prepared.fingerprint
    assert prepared.drop([]) is prepared
    assert smaller.rejections == tuple(gone)
    with pytest.raises(DataError, match=r"all \d+ pairs of train leave as over_length.*raise data.max_length"):
        prepared.drop(Rejection(p.pair_id, p.origin, "over_length", "9") for p in prepared.splits["train"])
    with pytest.raises(ValueError, match="no pair"):
        prepared.drop([Rejection("nobody", Origin("f", 1), "over_length", "")])


def test_a_loss_that_is_selective_in_length_is_said(tmp_path):
    rows = clean(100)
    rows += [{"prompt": f"l{k}", "a": "x" * 90, "b": "y", "label": 1, "weight": 1} for k in range(60)]
    prepared = prepare(compared(write(tmp_path / "rows.jsonl", rows), split=SplitConfig(0.0, 0.0)))
    long = [p for p in prepared.splits["train"] if len(p.chosen) == 90]
    smaller = prepared.drop(Rejection(p.pair_id, p.origin, "over_length", "") for p in long)
    assert any("over_length removed 60 pairs" in w and "100.0%" in w for w in smaller.ledger.warnings)


def test_moved_pairs_are_counted_against_an_earlier_split(tmp_path):
    rows = [{"group": f"g{k % 50}", **r} for k, r in enumerate(clean(200))]
    data = DataConfig(
        path=write(tmp_path / "rows.jsonl", rows),
        format="comparison",
        columns={**COLUMNS, "group": "group"},
        labels=LABELS,
    )
    before = prepare(DataConfig(**{**vars(data), "limit": 101}))
    before.write(tmp_path / "before")
    after = prepare(data, earlier=tmp_path / "before" / "split.parquet")
    where = {p.pair_id: name for name, pairs in after.splits.items() for p in pairs}
    moved = Counter(
        f"{name} to {where[p.pair_id]}"
        for name, pairs in before.splits.items()
        for p in pairs
        if where[p.pair_id] != name
    )
    assert moved
    assert after.ledger.moved == dict(moved)
    # Rows that join a group can take it out of train, never into it.
    assert not any(way.endswith("to train") for way in moved)
    assert before.ledger.moved is None


def test_disagreement_is_held_out_only_where_its_prompt_is_not_trained_on(tmp_path):
    rows = [
        {"prompt": f"q{k // 2}", "a": f"a{k}", "b": f"b{k}", "v": [1, 1, 1] if k % 2 else [1, 1, 2]} for k in range(200)
    ]
    data = DataConfig(
        path=write(tmp_path / "rows.jsonl", rows),
        format="votes",
        columns={"prompt": "prompt", "first": "a", "second": "b", "votes": "v"},
        labels={"first": [1], "second": [2]},
        annotators="hold_out",
    )
    prepared = prepare(data)
    trained = {p.prompt for p in prepared.splits["train"]}
    assert len(prepared.splits["disputed"]) > 10
    assert all(p.prompt not in trained and p.agreement < 1 for p in prepared.splits["disputed"])
    assert all(p.prompt in trained for p in prepared.review)
    assert prepared.ledger.review == {"disagreement_in_train_group": len(prepared.review)}
    assert len(prepared.splits["disputed"]) + len(prepared.review) == 100
    assert all(p.agreement == 1 for name in ("train", "validation", "heldout") for p in prepared.splits[name])


def test_pairs_tied_to_train_by_a_cut_link_do_not_judge(tmp_path):
    rng = random.Random(11)
    vocabulary = [f"w{i}" for i in range(5000)]
    words, prompts = rng.choices(vocabulary, k=25), []
    for k in range(200):
        words[k % 25] = rng.choice(vocabulary)
        prompts.append(" ".join(words))
    prompts += [" ".join(rng.choices(vocabulary, k=25)) for _ in range(200)]
    rows = [{"prompt": p, "chosen": f"c{k}", "rejected": f"r{k}"} for k, p in enumerate(prompts)]
    data = DataConfig(
        path=write(tmp_path / "rows.jsonl", rows), format="pairs", split=SplitConfig(validation=0.0, heldout=0.03)
    )
    prepared = prepare(data)
    assert prepared.ledger.near_duplicates.cut > 0
    assert prepared.ledger.review["near_duplicate_of_train"] > 0
    train = [set(p.prompt[0].content.split()) for p in prepared.splits["train"]]
    for pair in prepared.splits["heldout"]:
        own = set(pair.prompt[0].content.split())
        assert max(len(own & other) / len(own | other) for other in train) < 0.8
    assert any("links were cut" in w for w in prepared.ledger.warnings)


def test_labels_that_lean_to_a_position_are_said(tmp_path):
    rows = [{**r, "label": 1 if k % 5 else 2} for k, r in enumerate(clean(200))]
    (warning,) = prepare(compared(write(tmp_path / "rows.jsonl", rows))).ledger.warnings
    assert "labels lean to the first candidate (80.0%)" in warning
    assert not prepare(compared(write(tmp_path / "even.jsonl", clean(200)))).ledger.warnings


def test_several_files_tag_their_pairs(tmp_path):
    write(tmp_path / "natural.jsonl", clean(10))
    write(tmp_path / "adversarial.jsonl", clean(10, start=50))
    prepared = prepare(compared(str(tmp_path / "*.jsonl")))
    tags = Counter(p.tags["file"] for pairs in prepared.splits.values() for p in pairs)
    assert tags == {"natural": 10, "adversarial": 10}


def test_preparing_data_imports_no_torch(tmp_path):
    path = write(tmp_path / "rows.jsonl", clean(40))
    code = (
        "import sys; from rmx.config.schema import DataConfig; from rmx.data.prepare import prepare; "
        "from rmx.data.slices import build_slice; "
        f"d = DataConfig(path={path!r}, format='comparison', columns={COLUMNS!r}, labels={LABELS!r}); p = prepare(d); "
        "build_slice('heldout', {}, p, d); "
        "print(sorted({'torch', 'transformers', 'pytorch_lightning', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
