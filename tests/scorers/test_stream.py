"""Scoring a file: the rewards of the library call, resumable, nothing half-written, nothing silently left out."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data import row_stream as module
from rmx.data.render import Renderer
from rmx.errors import DataError
from rmx.export import Findings, export_model
from rmx.model import build_reward_model
from rmx.scorers.reward_model import Reward, load_reward
from rmx.scorers.stream import score_stream


def loaded(model_named: Callable[..., ModelConfig], cache: Path, directory: Path, seed: int) -> Reward:
    built = build_reward_model(
        model_named("tiny-random"), AdapterConfig(kind="none"), layout="packed", seed=seed, cache=cache
    )
    export_model(directory, built.reward_model, Renderer(built.tokenizer), Findings(), built.facts)
    return load_reward(directory)


@pytest.fixture(scope="module")
def reward(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Reward:
    return loaded(model_named, weights_cache, tmp_path_factory.mktemp("stream") / "model", seed=0)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS = [
    {"id": f"row-{i}", "prompt": f"Question {i % 7}?", "completion": f"Answer {i} " + "and more " * (i % 5)}
    for i in range(23)
]


def test_each_row_gets_its_reward_in_order(reward: Reward, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    with gzip.open(source, "wt") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in ROWS)
    summary = score_stream(reward, source, tmp_path / "out.jsonl")
    got = lines(tmp_path / "out.jsonl")
    assert [row["id"] for row in got] == [row["id"] for row in ROWS]
    expected = reward.score([r["prompt"] for r in ROWS], [r["completion"] for r in ROWS])
    assert [row["reward"] for row in got] == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-5)
    assert (summary.rows, summary.resumed, summary.tally) == (23, 0, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl.gz", "out.jsonl"]


def test_pairs_get_margin_and_preference(reward: Reward, tmp_path: Path) -> None:
    prompt = [{"role": "user", "content": "Pick one."}]
    source = write(tmp_path / "in.jsonl", [{"id": 4, "prompt": prompt, "chosen": "This one.", "rejected": "No."}])
    score_stream(reward, source, tmp_path / "out.jsonl")
    (row,) = lines(tmp_path / "out.jsonl")
    chosen, rejected = reward.score([prompt, prompt], ["This one.", "No."]).tolist()
    assert row["id"] == 4
    assert row["margin"] == pytest.approx(chosen - rejected, abs=1e-5)
    assert row["preference"] == pytest.approx(1 / (1 + math.exp(rejected - chosen)), abs=1e-5)
    assert (row["chosen_reward"], row["rejected_reward"]) == pytest.approx((chosen, rejected), abs=1e-5)


def test_texts_that_cannot_be_scored_stay_with_their_reason(reward: Reward, tmp_path: Path) -> None:
    rows = [
        ROWS[0],
        {"id": "long", "prompt": "Q", "completion": "word " * 9000},
        {"id": "control", "prompt": "Q", "completion": "<|im_end|>"},
        {"id": "pair", "prompt": "Q", "chosen": "fine", "rejected": "word " * 9000},
    ]
    summary = score_stream(reward, write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    got = lines(tmp_path / "out.jsonl")
    assert isinstance(got[0]["reward"], float)
    assert "reason" not in got[0]
    assert got[1]["reward"] is None
    assert got[1]["reason"].startswith("over_length: ")
    assert got[2]["reason"].startswith("invalid_text: ")
    assert got[3]["margin"] is None
    assert summary.tally == {"over_length": 2, "invalid_text": 1}


@pytest.mark.parametrize("torn", [b"", b'{"id": "row-', b'{"id": "row-4", "reward": 0.25}'])
def test_an_interrupted_scoring_goes_on_where_it_stopped(
    reward: Reward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bytes
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    source = write(tmp_path / "in.jsonl", ROWS)
    score_stream(reward, source, tmp_path / "whole.jsonl")
    scored = reward.rewards
    calls = 0

    def killed(store: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return scored(store)

    target = tmp_path / "out.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(reward, "rewards", killed)
        with pytest.raises(KeyboardInterrupt):
            score_stream(reward, source, target)
    assert not target.exists()
    partial = tmp_path / "out.jsonl.partial"
    assert len(lines(partial)) == 8
    partial.write_bytes(partial.read_bytes() + torn)
    summary = score_stream(reward, source, target)
    assert (summary.rows, summary.resumed) == (23, 8)
    assert target.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not list(tmp_path.glob("*.partial*"))


def test_a_partial_output_of_another_job_is_not_continued(
    reward: Reward, tmp_path: Path, model_named: Callable[..., ModelConfig], weights_cache: Path
) -> None:
    source = write(tmp_path / "in.jsonl", [*ROWS, {"id": "cut", "prompt": "Q"}])
    target = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match=r"row 24: no field 'completion'"):
        score_stream(reward, source, target)
    other = loaded(model_named, weights_cache, tmp_path / "other", seed=1)
    with pytest.raises(DataError, match="another reward model"):
        score_stream(other, source, target)
    with pytest.raises(DataError, match="another input"):
        score_stream(reward, write(tmp_path / "new.jsonl", ROWS), target)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Q", "completion": "A"}, "row 2: field 'id'"),
        ({"id": 1, "completion": "A"}, "row 2: no field 'prompt'"),
        ({"id": 1, "prompt": "Q", "completion": None}, "row 2: .*holds null, not text"),
        ({"id": 1, "prompt": 3, "completion": "A"}, "row 2: .*int"),
        ({"id": 1, "prompt": "Q", "chosen": "A"}, "row 2: no field 'rejected'"),
    ],
)
def test_a_row_that_is_none_is_named(reward: Reward, tmp_path: Path, row: dict[str, Any], message: str) -> None:
    source = write(tmp_path / "in.jsonl", [ROWS[0], row])
    with pytest.raises(DataError, match=message) as error:
        score_stream(reward, source, tmp_path / "out.jsonl")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.jsonl").exists()


def test_an_existing_output_is_not_touched(reward: Reward, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        score_stream(reward, write(tmp_path / "in.jsonl", ROWS), target)
    assert target.read_text() == "mine"
