import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.domain import Message, Origin
from rmx.errors import ConfigError, DataError

ORIGIN = Origin("rows.jsonl", 7)
USER = {"role": "user", "content": "Name a river."}
YES = {"role": "assistant", "content": "The Rhine."}
NO = {"role": "assistant", "content": "Berlin."}
EXPECTED = ((Message("user", "Name a river."),), "The Rhine.", "Berlin.")


def expand(row, **config):
    (comparison,) = build_adapter(DataConfig(format="pairs", **config))(ORIGIN, row)
    return comparison


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "Berlin."},
        {"prompt": [USER], "chosen": [YES], "rejected": [NO]},
        {"prompt": "Name a river.", "chosen": [YES], "rejected": [NO]},
        {"chosen": [USER, YES], "rejected": [USER, NO]},
        {"prompt": "Name a river.", "chosen": [USER, YES], "rejected": [USER, NO]},
        {"prompt": [USER], "chosen": "The Rhine.", "rejected": "Berlin."},
        {"prompt": None, "chosen": [USER, YES], "rejected": [USER, NO]},
        {"chosen": "Name a river. The Rhine.", "rejected": "Name a river. Berlin."},
    ],
)
def test_every_published_form_gives_the_same_pair(row):
    pair = expand(row).oriented("id")
    assert (pair.prompt, pair.chosen, pair.rejected) == EXPECTED
    assert (pair.agreement, pair.votes, pair.origin) == (1.0, None, ORIGIN)


@given(st.text("ab \n", max_size=30), st.text("ab", min_size=1, max_size=8), st.text("ab", min_size=1, max_size=8))
def test_an_implicit_prompt_is_shared_and_loses_no_text(head, chosen, rejected):
    comparison = expand({"chosen": head + chosen, "rejected": head + rejected})
    prompt, first = comparison.first
    assert comparison.second[0] == prompt
    assert "".join((prompt.content + first.content).split()) == "".join((head + chosen).split())
    assert "".join((prompt.content + comparison.second[1].content).split()) == "".join((head + rejected).split())


def test_columns_are_configuration():
    row = {"q": "Q?", "ctx": "C", "good": "g", "bad": "b", "uid": 12, "topic": "t", "w": "0.5", "rank": 2, "conv": 3}
    columns = {"prompt": ["q", "ctx"], "chosen": "good", "rejected": "bad", "id": "uid", "tags": {"subject": "topic"}}
    comparison = expand(
        row, columns=columns | {"weight": "w", "strength": "rank", "group": "conv"}, label_source="human"
    )
    pair = comparison.oriented(comparison.given_id)
    assert pair.prompt == (Message("user", "Q?\n\nC"),)
    assert (pair.pair_id, pair.group, pair.weight, pair.strength, pair.tags, pair.label_source) == (
        "12",
        "3",
        0.5,
        2.0,
        {"subject": "t"},
        "human",
    )


def test_a_system_column_opens_the_prompt():
    row = {"system": "Be brief.", "prompt": "Q?", "chosen": "g", "rejected": "b"}
    assert expand(row, columns={"system": "system", "prompt": "prompt"}).first[0] == Message("system", "Be brief.")


def test_votes_give_label_and_agreement():
    row = {"prompt": "Q?", "chosen": "g", "rejected": "b", "votes": [2, 1, 1]}
    pair = expand(row, columns={"votes": "votes"}).oriented("id")
    assert (pair.votes, pair.agreement) == ((2, 1, 1), 0.5)
    assert expand({**row, "votes": [1, 2]}, columns={"votes": "votes"}).label == "unknown"
    assert expand({**row, "votes": [1, 1]}, columns={"votes": "votes"}).label == "undecided"
    with pytest.raises(DataError, match=r"rows\.jsonl row 7: column 'votes'"):
        expand({**row, "votes": [1, -1]}, columns={"votes": "votes"})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Q", "chosen": None, "rejected": "b"}, "invalid_text"),
        ({"prompt": "Q", "chosen": "a", "rejected": 3}, "invalid_text"),
        ({"prompt": "Q", "chosen": [{"role": "assistant"}], "rejected": [NO]}, "malformed_dialogue"),
        ({"prompt": "Q", "chosen": ["text"], "rejected": [NO]}, "malformed_dialogue"),
    ],
)
def test_a_cell_of_another_kind_costs_the_row_and_says_why(row, reason):
    comparison = expand(row)
    assert comparison.problem is not None
    assert comparison.problem.reason == reason
    assert "column" in comparison.problem.detail


def test_a_missing_column_is_refused_with_those_there_are():
    with pytest.raises(DataError) as caught:
        expand({"prompt": "Q", "chosen": "a", "rejcted": "b"})
    assert str(caught.value) == (
        "rows.jsonl row 7: no column 'rejected'; set data.columns.rejected to one of prompt, chosen, rejcted"
    )


def test_a_mistyped_part_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"data\.columns\.choosen.*did you mean `chosen`"):
        expand({}, columns={"choosen": "a"})
    with pytest.raises(ConfigError, match=r"data\.format=pair is not known; did you mean `pairs`"):
        build_adapter(DataConfig(format="pair"))
