import pytest

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.domain import Origin
from rmx.errors import ConfigError, DataError

ROW = {"q": "Q?", "one": "first text", "two": "second text", "better": 1, "m1": "gpt", "m2": "llama"}
COLUMNS = {"prompt": "q", "first": "one", "second": "two", "label": "better"}
LABELS = {"first": [1], "second": [2], "tie": [0], "abstain": [None]}


def expand(row, columns=COLUMNS, labels=LABELS):
    (comparison,) = build_adapter(DataConfig(format="comparison", columns=columns, labels=labels))(Origin("ab", 3), row)
    return comparison


@pytest.mark.parametrize(
    ("value", "label"),
    [
        *[(value, "first") for value in (1, 1.0, "1")],
        *[(value, "second") for value in (2, " 2 ")],
        *[(value, "tie") for value in (0, 0.0, "0")],
        *[(value, "abstain") for value in (None, "", float("nan"))],
        *[(value, "unknown") for value in (1.5, "A", True, [1])],
    ],
)
def test_label_values_mean_what_the_configuration_says(value, label):
    assert expand({**ROW, "better": value}).label == label


def test_the_label_orients_the_pair_and_its_policies():
    columns = {**COLUMNS, "first_policy": "m1", "second_policy": "m2"}
    one, two = expand(ROW, columns).oriented("x"), expand({**ROW, "better": 2}, columns).oriented("x")
    assert (one.chosen, one.rejected) == ("first text", "second text") == (two.rejected, two.chosen)
    assert one.tags == {"chosen_policy": "gpt", "rejected_policy": "llama"}
    assert two.tags == {"chosen_policy": "llama", "rejected_policy": "gpt"}


def test_labels_must_be_given_and_mean_one_thing():
    with pytest.raises(ConfigError, match=r"data\.labels\.first: missing value"):
        expand(ROW, labels={})
    with pytest.raises(ConfigError, match="two meanings, first and tie"):
        expand(ROW, labels={"first": [1], "second": [2], "tie": ["1"]})
    with pytest.raises(ConfigError, match=r"data\.labels\.firts: unknown key; did you mean `first`"):
        expand(ROW, labels={"firts": [1], "second": [2]})
    with pytest.raises(DataError, match=r"ab row 3: no column 'better'; set data\.columns\.label to one of q"):
        expand({"q": "Q?", "one": "a", "two": "b"})
