from __future__ import annotations

import json
from collections import Counter
from itertools import combinations

import pytest
import yaml

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.expand import build_adapter
from rmx.data.prepare import prepare
from rmx.domain import Message, Origin
from rmx.errors import ConfigError, DataError

PROMPT = (Message("user", "Q?"),)
NECTAR = {
    "prompt": "\n\nHuman: Name a river.\n\nAssistant: The Rhine.\n\nHuman: Another?\n\nAssistant: ",
    "answers": [
        {"answer": "The Elbe.", "model": "gpt-4", "rank": 1.0},
        {"answer": "The Oder.", "model": "llama-2-7b-chat", "rank": 2.0},
        {"answer": "No.", "model": "mistral-7b-instruct-v0.1", "rank": 3.0},
    ],
    "turns": 2,
    "num_responses": 3,
    "source": ["lmsys-chat-1m"],
    "good_natured": True,
}
ULTRAFEEDBACK = {
    "source": "evol_instruct",
    "instruction": "Q?",
    "models": ["a", "b", "c", "d"],
    "completions": [
        {"response": "r0", "model": "a", "overall_score": 6.0, "principle": "helpfulness", "critique": "fair"},
        {"response": "r1", "model": "b", "overall_score": 8.5, "principle": "helpfulness", "critique": "good"},
        {"response": "r2", "model": "c", "overall_score": 6.0, "principle": "honesty", "critique": "fair"},
        {"response": "r3", "model": "d", "overall_score": None, "principle": "honesty", "critique": ""},
    ],
}


def expand(row, **columns):
    return list(build_adapter(DataConfig(format="rankings", columns=columns))(Origin("r.jsonl", 1), row))


def columns_of(repository, name):
    return yaml.safe_load((repository / "conf" / "data" / f"{name}.yaml").read_text())["columns"]


def won(comparisons):
    return {(p.chosen, p.rejected) for p in (c.oriented("x") for c in comparisons if c.decided)}


def test_nectar_expands_into_every_pair_with_ranks_policies_and_turns(repository):
    found = expand(NECTAR, **columns_of(repository, "nectar"))
    texts = [answer["answer"] for answer in NECTAR["answers"]]
    assert won(found) == set(combinations(texts, 2))
    turns = (Message("user", "Name a river."), Message("assistant", "The Rhine."), Message("user", "Another?"))
    first = found[1].oriented("x")
    assert first.prompt == turns
    assert {k: first.tags[k] for k in ("chosen_rank", "rejected_rank", "chosen_policy", "rejected_policy")} == {
        "chosen_rank": "1", "rejected_rank": "3",
        "chosen_policy": "gpt-4", "rejected_policy": "mistral-7b-instruct-v0.1",
    }  # fmt: skip
    assert len({c.tags["ranking"] for c in found}) == 1


def test_ultrafeedback_orders_by_score_with_ties_and_says_what_has_no_score(repository):
    found = expand(ULTRAFEEDBACK, **columns_of(repository, "ultrafeedback_rankings"))
    assert won(found) == {("r1", "r0"), ("r1", "r2")}
    assert Counter(c.label for c in found) == {"first": 1, "second": 1, "tie": 1, "unread": 3}
    assert {c.problem.reason for c in found if c.label == "unread"} == {"invalid_rank"}
    pair = found[0].oriented("x")
    assert (pair.strength, pair.tags["chosen_rank"], pair.tags["rejected_rank"]) == (2.5, "1", "2")
    assert pair.tags["source"] == "evol_instruct"


def test_lists_beside_each_other_and_objects_of_lists_are_read_alike():
    rows = [
        ({"prompt": "Q?", "texts": ["a", "b"], "places": [2, 1]}, {"completions": "texts", "ranks": "places"}),
        ({"prompt": "Q?", "answers": {"text": ["a", "b"], "place": [2, 1]}},
         {"completions": "answers.text", "ranks": "answers.place"}),
        ({"prompt": "Q?", "completions": ["b", "a"]}, {}),
    ]  # fmt: skip
    for row, columns in rows:
        assert won(expand(row, **columns)) == {("b", "a")}


def test_completions_may_be_messages():
    row = {"prompt": [{"role": "user", "content": "Q?"}], "completions": [
        [{"role": "assistant", "content": "a"}], [{"role": "assistant", "content": "b"}],
    ]}  # fmt: skip
    (found,) = expand(row)
    assert found.oriented("x").prompt == PROMPT
    assert won([found]) == {("a", "b")}


def test_a_completion_may_be_one_message_the_assistants():
    call = {"tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Bonn"}}}]}
    (found,) = expand({"prompt": "Q?", "completions": [{"role": "assistant", "content": "a"}, call]})
    assert found.problem is None
    assert found.first == (*PROMPT, Message("assistant", "a"))
    assert "Bonn" in found.second[-1].content
    (found,) = expand({"prompt": "Q?", "completions": ["a", {"role": "user", "content": "b"}]})
    assert found.problem is not None
    assert found.problem == ("malformed_dialogue", "message 2 of column 'completions' is the user's")


def test_adjacent_compares_neighbouring_ranks_alone():
    row = {"prompt": "Q?", "completions": list("abcde"), "ranks": [1, 2, 2, 5, 9]}
    found = expand(row, ranks="ranks", pairs="adjacent")
    assert won(found) == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e")}
    assert [c.label for c in found].count("tie") == 1


def test_an_id_gets_the_numbers_of_the_two():
    row = {"prompt": "Q?", "completions": list("abc"), "uid": 7}
    found = expand(row, id="uid")
    assert [c.given_id for c in found] == ["7/0/1", "7/0/2", "7/1/2"]
    assert {c.tags["ranking"] for c in found} == {"7"}


@pytest.mark.parametrize(
    ("row", "columns", "reason", "words"),
    [
        ({"prompt": "Q?", "completions": ["a"]}, {}, "single_candidate", "1 completion, a ranking needs two"),
        ({"prompt": "Q?", "completions": []}, {}, "single_candidate", "0 completions"),
        ({"prompt": "Q?", "completions": None}, {}, "invalid_text", "needs a list"),
        ({"prompt": "Q?", "completions": ["a", None]}, {}, "invalid_text", "neither text nor messages"),
        ({"prompt": "Q?", "completions": ["a", "b"], "r": [1]}, {"ranks": "r"}, "invalid_rank", "2 completions, and 1"),
        ({"prompt": "Q?", "answers": [{"t": "a"}, {}]}, {"completions": "answers.t"}, "invalid_text", "objects with"),
        ({"prompt": "Human: Q?", "completions": ["a", "b"]}, {"dialogue": True}, "malformed_dialogue", "before the"),
        ({"prompt": "\n\nHuman: Q?", "completions": ["a", "b"]}, {"dialogue": True}, "malformed_dialogue", "open"),
    ],
)
def test_a_row_that_is_no_ranking_leaves_with_a_reason(row, columns, reason, words):
    (found,) = expand(row, **columns)
    assert found.problem.reason == reason
    assert words in found.problem.detail


def test_ranks_and_scores_are_one_too_many():
    with pytest.raises(ConfigError, match=r"data\.columns: ranks and scores both order"):
        expand({}, ranks="a", scores="b")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def rows(n):
    return [
        {
            "prompt": f"What is the answer to question number {k}",
            "completions": [f"{k} {c}" for c in "abc"],
            "ranks": [1, 2, 2],
        }
        for k in range(n)
    ]


def config(path, **changes):
    columns = {"ranks": "ranks"}
    split = SplitConfig(validation=0.2, heldout=0.2)
    return DataConfig(format="rankings", columns=columns, path=path, near_duplicates=False, split=split, **changes)


def test_the_ledger_counts_every_pair_of_every_ranking(tmp_path):
    lone = {"prompt": "Who?", "completions": ["me"], "ranks": [1]}
    prepared = prepare(config(write(tmp_path / "r.jsonl", [*rows(40), lone])))
    ledger = prepared.ledger
    assert (ledger.rows_in, ledger.comparisons_in, ledger.kept) == (41, 121, 80)
    assert ledger.rejected == {"tie_or_abstention": 40, "single_candidate": 1}
    assert ledger.balances
    # A ranking's pairs are one group: no split divides them.
    splits = {}
    for name, pairs in prepared.splits.items():
        for pair in pairs:
            splits.setdefault(pair.tags["ranking"], set()).add(name)
    assert len(splits) == 40
    assert all(len(names) == 1 for names in splits.values())


def test_data_of_single_candidates_stop_with_one_line(tmp_path):
    lone = [{"prompt": f"Who is number {k}?", "completions": ["me"], "ranks": [1]} for k in range(3)]
    with pytest.raises(DataError) as caught:
        prepare(config(write(tmp_path / "r.jsonl", lone)))
    message = str(caught.value)
    assert message.startswith("none of 3 comparisons is left: 3 for single_candidate, first ")
    assert "1 completion, a ranking needs two" in message
    assert "\n" not in message
