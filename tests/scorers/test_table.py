"""Rewards from a file: by candidate id or by text, from any format, and what is wrong with a file said."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rmx.domain import Candidate, Message
from rmx.errors import ConfigError, DataError
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable, candidate_id, write_table
from rmx.scorers.kind import Surroundings
from rmx.scorers.registry import build_kind
from rmx.scorers.table import RewardTable

AROUND = Surroundings(None, "cpu", 8192, "packed", Path("unused"))
TEXTS = [("Which is larger?", "Twelve."), ("Which is larger?", "Seven."), ("Name a colour.", "Blue, of course.")]


def candidates() -> list[Candidate]:
    turns = [((Message("user", prompt),), completion) for prompt, completion in TEXTS]
    return [Candidate(candidate_id(*turn), *turn) for turn in turns]


def loaded(path: Path, **parameters: Any) -> RewardTable:
    scorer = build_kind({"kind": "table", "path": str(path), **parameters}, where="scorer.table").load(AROUND)
    assert isinstance(scorer, RewardTable)
    return scorer


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_text_has_the_reward_of_its_row_however_the_row_names_it(tmp_path: Path) -> None:
    a, b, c = candidates()
    by_text = jsonl(
        tmp_path / "a.jsonl",
        [
            {"prompt": "Which is larger?", "completion": "Seven.", "reward": -1},
            {"prompt": [{"role": "user", "content": "Which is larger?"}], "completion": "Twelve.", "reward": 2.5},
            {"candidate_id": c.candidate_id, "reward": 0.25},
        ],
    )
    assert loaded(by_text).score_texts([a, b, c, a]).values.tolist() == [2.5, -1.0, 0.25, 2.5]
    csv = tmp_path / "b.csv"
    csv.write_text(f"candidate_id,points\n{a.candidate_id},1e3\n{b.candidate_id},nan\n")
    values = loaded(csv, reward="points").score_texts([b, a]).values
    assert math.isnan(values[0])
    assert values[1] == 1000


def test_a_candidates_table_of_a_run_is_such_a_file(tmp_path: Path) -> None:
    a, b, c = candidates()
    rows = [
        {"slice": "s", "group": "g", "candidate_id": text.candidate_id, "scorer": scorer, "reward": reward}
        for scorer, rewards in (("model", (1.0, 2.0, 3.0)), ("longer", (7.0, 6.0, 16.0)))
        for text, reward in zip((a, b, c), rewards, strict=True)
    ]
    path = tmp_path / "s.candidates.parquet"
    write_table(CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS)), path)
    assert loaded(path, scorer="longer").score_texts([c, a]).values.tolist() == [16.0, 7.0]
    with pytest.raises(DataError, match=r"has reward .* here and .* before; keep one of them, or name the scorer"):
        loaded(path)
    with pytest.raises(DataError, match="no row has a reward"):
        loaded(path, scorer="lnger")


def test_a_text_without_a_row_has_no_reward_and_a_reason(tmp_path: Path) -> None:
    a, b, _ = candidates()
    scored = loaded(jsonl(tmp_path / "t.jsonl", [{"candidate_id": a.candidate_id, "reward": 1}])).score_texts([b, a])
    assert math.isnan(scored.values[0])
    assert scored.values[1] == 1
    assert list(scored.reasons) == [0]
    assert scored.reasons[0].startswith("missing: ")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"reward": 1}, "row 1: has neither candidate_id nor prompt and completion; it has reward"),
        ({"completion": "x", "reward": 1}, "row 1: no field 'prompt'"),
        ({"candidate_id": "c", "reward": "high"}, "row 1: column 'reward' holds 'high', no number"),
        ({"candidate_id": "c", "reward": True}, "row 1: column 'reward' holds True, no number"),
        ({"candidate_id": "c"}, "row 1: column 'reward' holds None, no number"),
    ],
)
def test_a_row_that_says_nothing_is_named(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        loaded(jsonl(tmp_path / "t.jsonl", [row]))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_same_content_has_the_same_identity_and_another_another(tmp_path: Path) -> None:
    row = {"candidate_id": "c", "reward": 1}
    one, same = (loaded(jsonl(tmp_path / name, [row])) for name in ("1.jsonl", "2.jsonl"))
    other = loaded(jsonl(tmp_path / "3.jsonl", [{**row, "reward": 2}]))
    assert one.identity == same.identity != other.identity


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"kind": "table"}, "scorer.mine.path: missing value"),
        ({"kind": "table", "path": "x", "colum": "y"}, "scorer.mine.colum: unknown key"),
        ({"kind": "tabel", "path": "x"}, "scorer.mine.kind: 'tabel' is not known; did you mean `table`?"),
        ({"kind": "longer"}, "scorer.mine.kind: longer is a baseline"),
        ({"path": "x"}, "scorer.mine.kind: missing value; give one of bag_of_words, "),
    ],
)
def test_a_wrong_node_is_one_line(node: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_kind(node, where="scorer.mine")
    assert str(error.value).startswith(message)
