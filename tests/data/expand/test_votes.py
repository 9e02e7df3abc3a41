import json

import pytest

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.domain import Message, Origin
from rmx.errors import ConfigError, DataError

COLUMNS = {"prompt": ["instruction", "input"], "first": "r1", "second": "r2", "votes": ["a1", "a2", "a3"]}
LABELS = {"first": [1], "second": [2], "tie": [0], "abstain": [None]}


def expand(votes, columns=COLUMNS, given=""):
    row = {"instruction": "Translate.", "input": given, "r1": "x", "r2": "y"}
    row |= {f"a{k + 1}": v for k, v in enumerate(votes)} if columns is COLUMNS else {"a": votes}
    (comparison,) = build_adapter(DataConfig(format="votes", columns=columns, labels=LABELS))(Origin("v", 2), row)
    return comparison


@pytest.mark.parametrize(
    ("votes", "label", "counts", "agreement"),
    [
        ((1, 1, 1), "first", (3, 0, 0), 1.0),
        ((2, 1, 2), "second", (2, 1, 0), 2 / 3),
        ((0, 2, 0), "second", (1, 0, 2), 1 / 3),
        ((1, None, 1), "first", (2, 0, 0), 1.0),
    ],
)
def test_votes_orient_the_pair(votes, label, counts, agreement):
    comparison = expand(votes)
    assert comparison.label == label
    pair = comparison.oriented("x")
    assert pair.votes == counts
    assert pair.agreement == pytest.approx(agreement)
    assert pair.chosen == ("x" if label == "first" else "y")


@pytest.mark.parametrize(
    ("votes", "label"),
    [((0, 0, 0), "tie"), ((None, None, None), "abstain"), ((0, 1, 2), "undecided"), ((1, 1, 9), "unknown")],
)
def test_votes_that_choose_no_side(votes, label):
    assert expand(votes).label == label


def test_a_list_column_and_an_input_column():
    columns = {**COLUMNS, "votes": "a"}
    assert expand([2, 2], columns).label == "second"
    with pytest.raises(DataError, match="not a list of votes"):
        expand("2,2", columns)
    assert expand((1, 1, 1), given="Hallo").first[0] == Message("user", "Translate.\n\nHallo")
    assert expand((1, 1, 1)).first[0] == Message("user", "Translate.")


def row_of(**more):
    return {"instruction": "Translate.", "input": "", "r1": "x", "r2": "y", "a1": 2, "a2": 1, "a3": 2, **more}


def pair_of(columns, row):
    data = DataConfig(format="votes", columns={**COLUMNS, **columns}, labels=LABELS)
    (comparison,) = build_adapter(data)(Origin("v", 2), row)
    return comparison.oriented("p")


def test_who_voted_is_kept_where_the_data_say_so():
    """Two of three ways to say it give the same tag; votes are by side as chosen, abstentions are no votes."""
    by_column = pair_of({"votes": {"ann": "a1", "bo": "a2", "cy": "a3"}}, row_of(a3=None, a2=2))
    assert json.loads(by_column.tags["ballots"]) == [["ann", "chosen"], ["bo", "chosen"]]
    named = {"annotators": ["w1", "w2", "w3"]}
    by_id = pair_of(named, row_of(w1="ann", w2="bo", w3="cy"))
    assert json.loads(by_id.tags["ballots"]) == [["ann", "chosen"], ["bo", "rejected"], ["cy", "chosen"]]
    assert by_id.votes == (2, 1, 0)
    listed = {"votes": "cast", "annotators": "who"}
    by_list = pair_of(listed, row_of(cast=[1, 0, 1, 1], who=[7, 8, None, 9]))
    assert json.loads(by_list.tags["ballots"]) == [["7", "chosen"], ["8", "tie"], ["9", "chosen"]]
    assert "ballots" not in pair_of({}, row_of()).tags


def test_the_side_known_to_be_right_is_kept_whatever_the_votes_say():
    assert pair_of({"golden": "key"}, row_of(key=2)).tags["golden"] == "chosen"
    assert pair_of({"golden": "key"}, row_of(key=1)).tags["golden"] == "rejected"
    assert "golden" not in pair_of({"golden": "key"}, row_of(key=None)).tags
    with pytest.raises(DataError, match=r"v row 2: column 'key' holds 'left', which names no side"):
        pair_of({"golden": "key"}, row_of(key="left"))


def test_annotators_that_do_not_fit_the_votes_are_refused():
    with pytest.raises(DataError, match="3 votes and 2 annotators"):
        pair_of({"annotators": ["w1", "w2"]}, row_of(w1="ann", w2="bo"))
    with pytest.raises(DataError, match=r"set data\.columns\.annotators to some of"):
        pair_of({"annotators": ["w1"]}, row_of())
    with pytest.raises(ConfigError, match=r"data\.columns\.annotators: .* names the annotators already"):
        pair_of({"votes": {"ann": "a1"}, "annotators": ["w1"]}, row_of(w1="ann"))
