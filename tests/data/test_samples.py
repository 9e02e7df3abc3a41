"""Samples from files and worlds: rows of one prompt brought together, grouped, and refused where they contradict."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmx.config.schema import DataConfig
from rmx.data.samples import SampledPrompt, SamplesSpec, read_samples
from rmx.domain import Message
from rmx.errors import ConfigError, DataError
from rmx.worlds import WORLDS

ROWS: list[dict[str, Any]] = [
    {"prompt": "Why is the sky blue?", "completions": ["It scatters.", "No idea."], "gold": [1.0, 0.0], "id": "a"},
    {"prompt": "How tall is a giraffe?", "completion": "Five metres.", "gold": 0.5, "group": "zoo"},
    {"prompt": "Why is the sky blue?", "completion": "It scatters.", "gold": 1, "id": "b"},
    {"prompt": [{"role": "user", "content": "How tall is a giraffe?"}], "completion": "Very."},
]


def read(path: Path | str, **data: Any) -> dict[str, SampledPrompt]:
    found = read_samples("samples", SamplesSpec(path=str(path)), DataConfig(**data))
    return {s.prompt[-1].content: s for s in found}


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_of_a_prompt_are_brought_together(tmp_path: Path) -> None:
    found = read(jsonl(tmp_path / "s.jsonl", ROWS))
    sky, giraffe = found["Why is the sky blue?"], found["How tall is a giraffe?"]
    assert sky.prompt == (Message("user", "Why is the sky blue?"),)
    assert sky.completions == ("It scatters.", "No idea.", "It scatters.")
    assert sky.gold == (1.0, 0.0, 1.0)
    assert giraffe.completions == ("Five metres.", "Very.")
    assert giraffe.gold == (0.5, None)
    assert giraffe.group == "zoo"
    assert sky.group not in ("", "zoo")


def test_every_kind_of_file_reads_the_same(tmp_path: Path) -> None:
    flat = [{"prompt": "p", "completion": c, "gold": g} for c, g in (("x", 1.5), ("y", None), ("x", 1.5))]
    expected = read(jsonl(tmp_path / "s.jsonl", flat))["p"]
    with (tmp_path / "s.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(flat[0]))
        writer.writeheader()
        writer.writerows(flat)
    pq.write_table(pa.Table.from_pylist(flat), tmp_path / "s.parquet")
    for name in ("s.csv", "s.parquet"):
        found = read(tmp_path / name)["p"]
        assert (found.completions, found.gold, found.group) == (expected.completions, expected.gold, expected.group)


def test_near_duplicate_prompts_are_one_group_but_keep_their_samples(tmp_path: Path) -> None:
    one = "Please tell me how many planets there are in the solar system we live in today"
    rows = [{"prompt": p, "completion": "Eight."} for p in (one, one + "!", "What is the capital of Peru, please?")]
    groups = {prompt: s.group for prompt, s in read(jsonl(tmp_path / "s.jsonl", rows)).items()}
    assert len(groups) == 3
    assert groups[one] == groups[one + "!"]
    assert len(set(groups.values())) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "q"}, r"row 2: no completion \(columns: prompt\)"),
        ({"completion": "q"}, "row 2: no prompt"),
        ({"prompt": "q", "completion": 3}, "row 2: column 'completion' holds a int"),
        ({"prompt": "q", "completions": []}, "row 2: .*needs a list of texts"),
        ({"prompt": "q", "completions": "abc"}, "row 2: .*needs a list of texts"),
        ({"prompt": "q", "completions": ["a", "b"], "gold": [1.0]}, "1 gold rewards for 2 completions"),
        ({"prompt": "q", "completions": ["a", "b"], "gold": 1.0}, "one gold reward for 2 completions"),
        ({"prompt": "q", "completion": "a", "gold": "high"}, "gold is 'high', not a finite number"),
        ({"prompt": "q", "completion": "a", "gold": True}, "gold is True, not a finite number"),
        ({"prompt": "q", "completion": "a", "id": 7}, "id 7 stands in .* row 1 too"),
        ({"prompt": "p", "completion": "a", "group": "h"}, "group 'h', but .* has the same prompt in group 'g'"),
        ({"prompt": "p", "completion": "first", "gold": 2.0}, "stands twice, with gold 1.0 and 2.0"),
    ],
)
def test_what_cannot_be_read_is_named(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    first = {"prompt": "p", "completion": "first", "gold": 1.0, "id": "7", "group": "g"}
    with pytest.raises(DataError, match=message):
        read(jsonl(tmp_path / "s.jsonl", [first, row]))


def test_the_runs_own_world_draws_on_other_prompts() -> None:
    data = DataConfig(format="synthetic", world={"name": "access_desk", "facts": 2}, near_duplicate_jaccard=0.95)
    spec = SamplesSpec(world={"start": 500}, prompts=6, per_prompt=9)
    found = read_samples("samples", spec, data)
    assert [len(s.completions) for s in found] == [9] * 6
    assert [s.group for s in found] == [f"access_desk-0-{number}" for number in range(500, 506)]
    gold = WORLDS["access_desk"].gold
    for sampled in found:
        assert sampled.gold == tuple(gold(sampled.prompt[0].content, c) for c in sampled.completions)


def test_without_files_or_world_the_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"slice\.samples\.path: missing value"):
        read_samples("samples", SamplesSpec(world={"start": 9}), DataConfig(format="pairs", path="x.jsonl"))
    with pytest.raises(ConfigError, match=r"slice\.samples\.world\.name=acess_desk is not known.*access_desk"):
        read_samples("samples", SamplesSpec(world={"name": "acess_desk"}), DataConfig())


def test_ratings_given_later_join_their_samples(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "completions": ["x", "y", "x"]}, {"prompt": "q", "completions": ["x"], "gold": [3]}]
    path = jsonl(tmp_path / "s.jsonl", rows)
    given = [
        {"slice": "samples", "prompt": [{"role": "user", "content": "p"}], "completion": "x", "gold": 2},
        {"prompt": "p", "completion": "y", "gold": None},
        {"prompt": "q", "completion": "x", "gold": 3.0},
        {"slice": "drafts", "prompt": "of another slice in the same file", "completion": "x", "gold": 1},
    ]
    spec = SamplesSpec(path=str(path), ratings=str(jsonl(tmp_path / "r.jsonl", given)))
    found = {s.prompt[-1].content: s for s in read_samples("samples", spec, DataConfig())}
    assert found["p"].gold == (2.0, None, 2.0)
    assert found["q"].gold == (3.0,)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "p", "completion": "z", "gold": 1}, "row 1: rates an answer that is no sample here"),
        ({"prompt": "z", "completion": "x", "gold": 1}, "row 1: rates an answer that is no sample here"),
        ({"slice": "samples", "prompt": "z", "completion": "x", "gold": 1}, "row 1: rates an answer that is no"),
        ({"prompt": "q", "completion": "x", "gold": 1}, "row 1: gold 1.0 for a completion that has gold 3.0"),
    ],
)
def test_ratings_of_something_else_are_refused(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    rows = [{"prompt": "p", "completions": ["x"]}, {"prompt": "q", "completions": ["x"], "gold": [3]}]
    path = jsonl(tmp_path / "s.jsonl", rows)
    spec = SamplesSpec(path=str(path), ratings=str(jsonl(tmp_path / "r.jsonl", [row])))
    with pytest.raises(DataError, match=message):
        read_samples("samples", spec, DataConfig())


def test_another_rewards_numbers_can_stand_in_for_gold(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "s.jsonl", [{"id": 1, "prompt": "p", "completions": ["x", "y", "x"]}])
    watched = {"id": 1, "prompt": "p", "completions": ["x", "y", "x"], "rewards": [0.25, None, 0.25], "reward": 0.25}
    refused = {"id": 2, "prompt": "q", "best": None, "completions": None, "reason": "over_length: 9"}
    ratings = jsonl(tmp_path / "r.jsonl", [watched, refused])
    spec = SamplesSpec(path=str(path), ratings=str(ratings), gold_column="rewards")
    (one,) = read_samples("samples", spec, DataConfig())
    assert one.gold == (0.25, None, 0.25)
    with pytest.raises(DataError, match=r"row 1: no column 'gold' .*mend gold_column"):
        read_samples("samples", SamplesSpec(path=str(path), ratings=str(ratings)), DataConfig())
