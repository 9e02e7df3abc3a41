from __future__ import annotations

import json

import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.expand import build_adapter
from rmx.data.prepare import prepare
from rmx.domain import Message, Origin
from rmx.errors import ConfigError, DataError

ROW = {"id": "tied:3", "prompt": "Q?", "chosen": ["a", "b"], "rejected": ["c", "d", "e"], "subset": "Ties"}


def expand(row, **columns):
    return list(build_adapter(DataConfig(format="answer_lists", columns=columns))(Origin("rb2.jsonl", 1), row))


def test_every_right_answer_meets_every_wrong_one():
    found = [c.oriented("x") for c in expand(ROW, tags=["subset"])]
    assert [(p.chosen, p.rejected) for p in found] == [(a, b) for a in "ab" for b in "cde"]
    for pair in found:
        assert pair.prompt == (Message("user", "Q?"),)
        assert ROW["chosen"][int(pair.tags["right"])] == pair.chosen
        assert ROW["rejected"][int(pair.tags["wrong"])] == pair.rejected
        assert (pair.tags["item"], pair.tags["subset"], pair.tags["answers"]) == ("tied:3", "Ties", "2x3")


def test_an_id_stays_unique():
    assert [c.given_id for c in expand(ROW, id="id")][:2] == ["tied:3/0/0", "tied:3/0/1"]
    assert {c.given_id for c in expand(ROW)} == {None}


def test_without_a_wrong_answer_the_row_leaves():
    for odd in ([], None, "c", ["c", 1]):
        (comparison,) = expand({**ROW, "rejected": odd})
        assert comparison.problem.reason == "invalid_text"
    with pytest.raises(DataError, match="no column 'rejected'"):
        expand({"id": "1", "prompt": "Q?", "chosen": ["a"]})
    with pytest.raises(ConfigError, match="item"):
        expand(ROW, item=None)


def prepared(tmp_path, rows, **data):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return prepare(DataConfig(path=str(file), split=SplitConfig(0.0, 0.0), **data))


def test_items_count_each_even_where_their_texts_are_those_of_another(tmp_path):
    """The same row twice, and one that says the opposite: as published, so they are scored."""
    opposite = {**ROW, "id": "ref:3", "chosen": ["c"], "rejected": ["a"]}
    rows = [ROW, {**ROW, "id": "tied:4"}, opposite, {**ROW, "id": "5", "rejected": []}]
    found = prepared(tmp_path, rows, format="answer_lists")
    pairs = found.splits["train"]
    assert len(pairs) == len({p.pair_id for p in pairs}) == 6 + 6 + 1
    assert found.ledger.rejected == {"invalid_text": 1}
    assert not found.review
    assert [p.tags["item"] for p in pairs].count("tied:4") == 6


def test_pairs_of_a_benchmark_count_each_too(tmp_path):
    rows = [{"id": k, "prompt": "Q?", "chosen": "a", "rejected": "b", "subset": s} for k, s in enumerate("xyx")]
    found = prepared(tmp_path, rows, columns={"item": "id", "tags": ["subset"]})
    assert [p.tags["item"] for p in found.splits["train"]] == ["0", "1", "2"]
    assert prepared(tmp_path, rows, max_defects=1.0).ledger.rejected == {"duplicate_pair": 2}
