import pytest

from rmx.data.expand.cells import cell, has_cell, optional_cell
from rmx.domain import Origin
from rmx.errors import DataError

ROW = {"a": {"b": [{"c": 1}, {"c": 2}]}, "x.y": "its own name", "n": None, "empty": []}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b.0.c", 1),
        ("a.b.*.c", [1, 2]),
        ("a.b.c", [1, 2]),
        ("x.y", "its own name"),
        ("n", None),
        ("empty.*.c", []),
        ("a.b", [{"c": 1}, {"c": 2}]),
    ],
)
def test_a_path_finds_what_is_there(path, value):
    assert has_cell(ROW, path)
    assert cell(Origin("f", 1), ROW, path, "label") == optional_cell(ROW, path) == value


@pytest.mark.parametrize("path", ["b", "a.c", "a.b.2.c", "a.b.-1.c", "a.b.*.d", "a.b.d", "n.x", "*.b"])
def test_what_is_not_there_is_said_with_the_columns_there_are(path):
    assert not has_cell(ROW, path)
    assert optional_cell(ROW, path) is None
    with pytest.raises(DataError, match=r"f row 1: no column .*; set data\.columns\.label to one of a, x\.y, n, empty"):
        cell(Origin("f", 1), ROW, path, "label")
