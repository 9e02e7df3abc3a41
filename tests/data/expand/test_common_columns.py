import pytest

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.domain import Origin
from rmx.errors import ConfigError

ROW = {
    "prompt": "Q?",
    "a": "x",
    "b": "y",
    "label": 2,
    "sa": 4.0,
    "sb": "6.5",
    "signed": -3,
    "chosen": "x",
    "rejected": "y",
}
SIDES = {"prompt": "prompt", "first": "a", "second": "b", "label": "label"}
LABELS = {"first": [1], "second": [2]}


def strength(row, given, format="comparison"):
    columns = SIDES | {"strength": given} if format == "comparison" else {"strength": given}
    labels = LABELS if format == "comparison" else {}
    (comparison,) = build_adapter(DataConfig(format=format, columns=columns, labels=labels))(Origin("f", 1), row)
    return comparison.oriented("id").strength


@pytest.mark.parametrize(
    ("format", "given", "changes", "expected"),
    [
        ("comparison", "sa", {}, 4.0),
        ("comparison", ["sa", "sb"], {}, 2.5),
        ("comparison", ["sa", "sb"], {"label": 1}, -2.5),
        ("comparison", {"signed": "signed"}, {}, 3.0),
        ("comparison", {"signed": "signed"}, {"signed": 3}, 3.0),
        ("comparison", {"signed": "signed"}, {"signed": None}, None),
        ("pairs", ["sa", "sb"], {}, -2.5),
        ("pairs", ["sb", "sa"], {}, 2.5),
        ("pairs", ["sb", "sa"], {"sb": "unknown"}, None),
        ("pairs", "signed", {}, -3.0),
    ],
)
def test_strength_is_a_column_a_difference_or_an_absolute_value(format, given, changes, expected):
    assert strength({**ROW, **changes}, given, format) == expected


def test_a_strength_of_another_shape_is_refused():
    with pytest.raises(ConfigError, match="scores of the two sides, not 3"):
        strength(ROW, ["sa", "sb", "signed"])
    with pytest.raises(ConfigError, match=r"data\.columns\.strength"):
        strength(ROW, {"absolute": "signed"})
