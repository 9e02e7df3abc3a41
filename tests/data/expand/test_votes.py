import pytest

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.domain import Message, Origin
from rmx.errors import DataError

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
