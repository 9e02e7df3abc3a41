import json
import math

import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.comparison import Rejection
from rmx.data.prepare import prepare
from rmx.data.slices import build_slice
from rmx.errors import ConfigError, DataError


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def rows(n, start=0):
    return [
        {
            "prompt": f"Please answer the following question about item number {k} in our list",
            "chosen": "c" * (10 + k % 7) + str(k),
            "rejected": "r" * 12 + str(k),
            "topic": "odd" if k % 2 else "even",
        }
        for k in range(start, start + n)
    ]


@pytest.fixture
def data(tmp_path):
    # The prompts are near-duplicates of one another on purpose; here only their exact text counts.
    return DataConfig(
        path=write(tmp_path / "rows.jsonl", rows(200)),
        format="pairs",
        columns={"tags": ["topic"]},
        near_duplicates=False,
        split=SplitConfig(validation=0.2, heldout=0.4),
    )


@pytest.fixture
def prepared(data):
    return prepare(data)


def test_split_slices_are_the_splits(prepared, data):
    for name in ("validation", "heldout"):
        built = build_slice(name, {}, prepared, data)
        assert built.pairs == prepared.splits[name]
        assert built.overlap is not None
        assert built.overlap.pairs == 0
        assert build_slice("mine", {"from": name}, prepared, data).pairs == prepared.splits[name]


def test_conditions_choose_pairs(prepared, data):
    heldout = prepared.splits["heldout"]
    matched = build_slice("length_matched", {"from": "heldout", "where": {"length_ratio_within": 0.1}}, prepared, data)
    expected = [p for p in heldout if abs(math.log(len(p.chosen)) - math.log(len(p.rejected))) <= 0.1]
    assert 0 < len(expected) < len(heldout)
    assert list(matched.pairs) == expected
    assert matched.available == len(heldout)
    odd = build_slice("odd", {"from": "heldout", "where": {"tags": {"topic": ["odd"]}}}, prepared, data)
    assert list(odd.pairs) == [p for p in heldout if p.tags["topic"] == "odd"]
    for longer in (True, False):
        chosen = build_slice("x", {"from": "heldout", "where": {"longer_chosen": longer}}, prepared, data)
        expected = [p for p in heldout if (len(p.chosen) > len(p.rejected)) == longer]
        assert list(chosen.pairs) == [p for p in expected if len(p.chosen) != len(p.rejected)]
        assert 0 < len(chosen.pairs) < len(heldout)
    both = {"from": "heldout", "where": {"tags": {"topic": "odd"}, "agreement_at_least": 1.0}}
    assert build_slice("both", both, prepared, data).pairs == odd.pairs
    with pytest.raises(DataError, match=r"slice\.none: none of \d+ pairs of heldout is left"):
        build_slice("none", {"from": "heldout", "where": {"agreement_below": 1.0}}, prepared, data)


def test_policies_on_either_side(tmp_path):
    columns = {"prompt": "q", "first": "a", "second": "b", "label": "l", "first_policy": "m", "second_policy": "n"}
    other = [{"q": f"Q{k}", "a": "x", "b": "y", "l": 1 + k % 2, "m": f"m{k % 3}", "n": "base"} for k in range(12)]
    given = {"path": write(tmp_path / "ab.jsonl", other), "format": "comparison", "columns": columns}
    spec = {"from": "data", "data": {**given, "labels": {"first": [1], "second": [2]}}}
    built = build_slice("ab", {**spec, "where": {"policies": ["m1", "m2"]}}, None, DataConfig())
    assert len(built.pairs) == 8
    assert {p.tags["chosen_policy"] for p in built.pairs} == {"m1", "m2", "base"}
    assert len(build_slice("ab", {**spec, "where": {"policies": ["base"]}}, None, DataConfig()).pairs) == 12


def test_other_data_are_whole_and_their_overlap_with_train_is_counted(tmp_path, prepared, data):
    train = [p.prompt[0].content for p in prepared.splits["train"]]
    leaks = [{"prompt": p.upper() + " ", "chosen": "x", "rejected": f"y{k}"} for k, p in enumerate(train[:4])]
    leaks += [{"prompt": train[0], "chosen": "u", "rejected": "v"}]
    other = write(tmp_path / "other.jsonl", [*rows(30, start=1000), *leaks])
    built = build_slice("other", {"from": "data", "data": {"path": other}}, prepared, data)
    assert len(built.pairs) == built.available == 35
    assert built.overlap is not None
    assert (built.overlap.pairs, built.overlap.prompts) == (5, 4)
    assert built.ledger is not None
    assert built.ledger.kept == 35
    assert build_slice("other", {"from": "data", "data": {"path": other}}, None, data).overlap is None


def test_near_duplicates_of_train_count_as_overlap(tmp_path):
    words = [f"word{k}" for k in range(400)]
    prompts = [" ".join(words[k * 12 : k * 12 + 12]) for k in range(30)]
    data = DataConfig(
        path=write(tmp_path / "a.jsonl", [{"prompt": p, "chosen": "a", "rejected": "b"} for p in prompts]),
        format="pairs",
        split=SplitConfig(0.0, 0.0),
    )
    near = [{"prompt": prompts[3] + " please", "chosen": "a", "rejected": "b"}]
    near += [{"prompt": " ".join(words[-12:]), "chosen": "a", "rejected": "b"}]
    spec = {"from": "data", "data": {"path": write(tmp_path / "b.jsonl", near)}}
    overlap = build_slice("near", spec, prepare(data), data).overlap
    assert overlap is not None
    assert (overlap.pairs, overlap.prompts, overlap.groups) == (1, 0, 1)


def test_a_format_of_its_own_leaves_the_runs_columns_behind(tmp_path, prepared, data):
    other = write(tmp_path / "ab.jsonl", [{"q": f"Q{k}", "a": f"x{k}", "b": f"y{k}", "l": 1} for k in range(10)])
    columns = {"prompt": "q", "first": "a", "second": "b", "label": "l"}
    spec = {"path": other, "format": "comparison", "columns": columns, "labels": {"first": [1], "second": [2]}}
    assert len(build_slice("ab", {"from": "data", "data": spec}, prepared, data).pairs) == 10


@pytest.mark.parametrize(
    ("name", "spec", "says"),
    [
        ("heldout", {"from": "data"}, "the name is reserved for from=heldout"),
        ("fresh_policy", {"from": "heldout"}, "the name is reserved for from=data"),
        ("x", {}, r"slice\.x\.from: missing value"),
        ("x", {"from": "held_out"}, "did you mean `heldout`"),
        ("x", {"from": "train"}, "is not known"),
        ("x", {"from": "heldout", "wher": {}}, r"slice\.x\.wher: unknown key; did you mean `where`"),
        ("x", {"from": "heldout", "where": {"tag": {}}}, r"slice\.x\.where\.tag: unknown key; did you mean `tags`"),
        ("x", {"from": "heldout", "where": {"length_ratio_within": "a"}}, "expected a number or null"),
        ("x", {"from": "heldout", "where": {"length_ratio_within": -1}}, "must not be negative"),
        ("x", {"from": "heldout", "data": {"path": "f"}}, "only for from=data"),
        ("x", {"from": "data", "data": {"split": {}}}, "a slice is not split"),
        ("x", {"from": "data", "data": {"pth": "f"}}, r"slice\.x\.data\.pth: unknown key; did you mean `path`"),
        (
            "x",
            {"from": "data", "data": {"format": "pairs"}},
            r"slice\.x: data=x has no source; set slice\.x\.data\.path=FILE \(or slice\.x\.data\.hub=ID\)",
        ),
    ],
)
def test_wrong_slices_are_named(prepared, data, name, spec, says):
    with pytest.raises(ConfigError, match=says):
        build_slice(name, spec, prepared, data)


def test_a_slice_has_a_length_of_its_own_only_if_it_says_so(tmp_path, prepared, data):
    other = write(tmp_path / "other.jsonl", rows(5, start=900))
    for given, own in (({}, None), ({"max_length": 9}, 9)):
        assert build_slice("x", {"from": "data", "data": {"path": other, **given}}, prepared, data).max_length == own


def test_a_slice_of_the_run_needs_the_run(data):
    with pytest.raises(ConfigError, match="needs the run's own data"):
        build_slice("heldout", {}, None, data)


def test_an_empty_disputed_slice_says_what_fills_it(prepared, data):
    with pytest.raises(DataError, match=r"data\.annotators=hold_out"):
        build_slice("disputed", {}, prepared, data)


def test_dropped_pairs_stay_known(prepared, data):
    built = build_slice("heldout", {}, prepared, data)
    gone = [Rejection(built.pairs[0].pair_id, built.pairs[0].origin, "over_length", "900 tokens")]
    smaller = built.drop(gone)
    assert smaller.pairs == built.pairs[1:]
    assert smaller.rejections == tuple(gone)
    with pytest.raises(DataError, match=r"slice\.heldout: all \d+ pairs leave as over_length"):
        built.drop(Rejection(p.pair_id, p.origin, "over_length", "") for p in built.pairs)


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({}, "unknown"),
        ({"format": "pairs"}, "unknown"),
        ({"label_source": "human"}, "human"),
    ],
)
def test_labels_of_other_data_are_nobodys_until_said(prepared, data, tmp_path, given, source):
    """The run's own labels come from people; a file from elsewhere does not inherit that."""
    assert data.label_source == "human"
    path = write(tmp_path / "fresh.jsonl", rows(20, start=500))
    built = build_slice("fresh_policy", {"from": "data", "data": {"path": path, **given}}, prepared, data)
    assert {p.label_source for p in built.pairs} == {source}


def test_a_slice_of_samples_has_no_pairs_and_says_what_it_shares_with_train(prepared, data, tmp_path):
    trained_on = prepared.splits["train"][0].prompt[-1].content
    lines = [{"prompt": p, "completions": ["a", "b"]} for p in ("Something else altogether?", trained_on)]
    path = write(tmp_path / "samples.jsonl", lines)
    built = build_slice("samples", {"path": path}, prepared, data)
    assert built.pairs == ()
    assert [s.completions for s in built.samples] == [("a", "b"), ("a", "b")]
    assert (built.source, built.overlap.pairs, built.overlap.prompts) == ("samples", 1, 1)
    gone = built.drop([Rejection(built.samples[1].prompt_id, built.samples[1].origin, "over_length", "long")])
    assert gone.samples == built.samples[:1]
    with pytest.raises(DataError, match="all 1 prompts leave as over_length"):
        gone.drop([Rejection(gone.samples[0].prompt_id, gone.samples[0].origin, "over_length", "long")])
    with pytest.raises(ConfigError, match=r"slice\.samples\.per_promt.*per_prompt"):
        build_slice("samples", {"path": path, "per_promt": 3}, prepared, data)
    assert build_slice("mine", {"from": "samples", "path": path}, None, data).overlap is None
