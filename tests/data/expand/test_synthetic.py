import pytest

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.data.prepare import prepare
from rmx.domain import Message, Origin
from rmx.errors import ConfigError

ROW = {
    "id": "w-1",
    "group": "w",
    "prompt": "Let me in.",
    "chosen": "Granted.",
    "rejected": "No.",
    "label_source": "gold",
    "gold_chosen": 1.25,
    "gold_rejected": -0.5,
    "tags": {"difficulty": "plain", "checks": 2},
}


def test_a_worlds_row_keeps_its_key_as_tags():
    (comparison,) = build_adapter(DataConfig(format="synthetic", label_source="human"))(Origin("world", 1), ROW)
    pair = comparison.oriented(comparison.given_id)
    assert (pair.pair_id, pair.group, pair.label_source, pair.votes) == ("w-1", "w", "gold", None)
    assert (pair.prompt, pair.chosen, pair.rejected) == ((Message("user", "Let me in."),), "Granted.", "No.")
    assert pair.tags == {"difficulty": "plain", "checks": "2", "gold_chosen": "1.25", "gold_rejected": "-0.5"}
    voted = build_adapter(DataConfig(format="synthetic"))(Origin("world", 1), {**ROW, "votes": [2, 1, 0]})
    assert next(iter(voted)).votes == (2, 1, 0)


def test_the_columns_of_a_world_are_its_own():
    with pytest.raises(ConfigError, match=r"data\.columns\.chosen: unknown key"):
        build_adapter(DataConfig(format="synthetic", columns={"chosen": "x"}))


def test_a_world_is_drawn_by_name_and_is_the_same_each_time():
    data = DataConfig(format="synthetic", world={"name": "access_desk"}, limit=200)
    one, two = prepare(data), prepare(data)
    assert one == two
    assert one.ledger.rows_in == 200
    assert one.ledger.kept > 150
    with pytest.raises(ConfigError, match=r"data\.world\.name=acces_desk is not known; did you mean `access_desk`"):
        prepare(DataConfig(format="synthetic", world={"name": "acces_desk"}))
