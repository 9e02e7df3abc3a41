"""Best-of-n of a file: the highest of the library's rewards, with repeats, ties and refusals said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data import row_stream
from rmx.data.files import content_hash, file_rows
from rmx.data.render import Renderer
from rmx.data.row_stream import RowSummary
from rmx.errors import DataError
from rmx.export import Findings, export_model
from rmx.model import build_reward_model
from rmx.run.lineage import print_lineage_notes
from rmx.scorers.reward_model import Reward, load_reward
from rmx.selection.rerank import rerank_stream

ROWS: list[dict[str, Any]] = [
    {"id": i, "prompt": f"Question {i % 3}?", "completions": [f"Answer {j}, {'so ' * (i * j % 5)}" for j in range(4)]}
    for i in range(9)
]


@pytest.fixture(scope="module")
def reward(
    model_named: Callable[..., ModelConfig], weights_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Reward:
    built = build_reward_model(
        model_named("tiny-random"), AdapterConfig(kind="none"), layout="packed", seed=0, cache=weights_cache
    )
    directory = tmp_path_factory.mktemp("rerank") / "model"
    export_model(directory, built.reward_model, Renderer(built.tokenizer), Findings(), built.facts)
    return load_reward(directory)


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def reranked(reward: Reward, source: Path, target: Path, n: int | None = None) -> RowSummary:
    return rerank_stream(reward, file_rows(source), target, content=content_hash([source]), n=n)


@pytest.mark.parametrize("n", [None, 1, 3])
def test_the_best_is_the_one_of_the_highest_reward(reward: Reward, tmp_path: Path, n: int | None) -> None:
    summary = reranked(reward, jsonl(tmp_path / "in.jsonl", ROWS), tmp_path / "out.jsonl", n)
    got = lines(tmp_path / "out.jsonl")
    assert [row["id"] for row in got] == list(range(9))
    for row, line in zip(ROWS, got, strict=True):
        texts = row["completions"][:n]
        expected = reward.score([row["prompt"]] * len(texts), texts)
        assert line["completions"] == texts
        assert line["rewards"] == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-5)
        assert line["best_index"] == int(np.argmax(line["rewards"]))
        assert (line["best"], line["reward"]) == (texts[line["best_index"]], max(line["rewards"]))
    assert (summary.rows, summary.resumed) == (9, 0)


def test_the_tools_of_a_row_are_read_and_kept(reward: Reward, tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    rows = [{**ROWS[0], "tools": json.dumps(tools)}, {**ROWS[1], "tools": []}]
    reranked(reward, jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    first, second = lines(tmp_path / "out.jsonl")
    assert first["tools"] == rows[0]["tools"]
    # This model's template leaves tools out, which is said and not scored as if there were none.
    assert "leaves out the tools" in first["reason"]
    assert second["reward"] is not None


def test_repeats_ties_and_refusals_are_said(reward: Reward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"id": "repeats", "prompt": "Q", "completions": ["a", "b", "a", "a"]},
        {"id": "refusals", "prompt": "Q", "completions": ["word " * 9000, "a", "<|im_end|>"]},
        {"id": "none", "prompt": "Q", "completions": ["<|im_end|>"]},
        {"id": "unanswered", "prompt": "Q", "completions": None, "reason": "over_length: 9 tokens"},
    ]
    # All rewards alike: the first of each row is taken, and the others are said to be as good.
    monkeypatch.setattr(reward, "rewards", lambda store: np.full(len(store), 0.5, np.float32))
    summary = reranked(reward, jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    repeats, refusals, none, unanswered = lines(tmp_path / "out.jsonl")
    assert (repeats["best_index"], repeats["tied"], repeats["duplicates"]) == (0, [1], 2)
    assert (refusals["best"], refusals["rewards"]) == ("a", [None, 0.5, None])
    assert {place: why.partition(":")[0] for place, why in refusals["refused"].items()} == {
        "0": "over_length", "2": "invalid_text"
    }  # fmt: skip
    assert "reason" not in refusals
    assert (none["best"], none["best_index"], none["reward"]) == (None, None, None)
    assert none["reason"].startswith("invalid_text: ")
    assert (unanswered["best"], unanswered["reason"]) == (None, "over_length: 9 tokens")
    assert summary.tally == {"duplicates": 2, "tied": 1, "over_length": 2, "invalid_text": 2}


def test_an_interrupted_reranking_goes_on_to_the_same_file(
    reward: Reward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_stream, "CHUNK", 2)
    source, target = jsonl(tmp_path / "in.jsonl", ROWS), tmp_path / "out.jsonl"
    whole = reranked(reward, source, tmp_path / "whole.jsonl")
    broken = jsonl(tmp_path / "broken.jsonl", ROWS)
    rows = iter(list(file_rows(broken))[:5])

    def stopping() -> Any:
        yield from rows
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rerank_stream(reward, stopping(), target, content=content_hash([source]), n=None)
    with pytest.raises(DataError, match=r"was begun with another rerank\.n"):
        reranked(reward, source, target, 2)
    summary = reranked(reward, source, target)
    assert target.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert (summary.resumed, summary.tally) == (4, whole.tally)


@pytest.mark.parametrize(
    ("row", "n", "message"),
    [
        ({"id": 1, "prompt": "Q", "completion": "a"}, None, "row 1: no column 'completions'"),
        ({"id": 1, "prompt": "Q", "completions": []}, None, "row 1: .*needs a list of texts"),
        ({"id": 1, "prompt": "Q", "completions": ["a", "b"]}, 3, "row 1: 2 completions, rerank.n=3 wants more"),
        ({"prompt": "Q", "completions": ["a"]}, None, "row 1: field 'id'"),
    ],
)
def test_a_row_that_is_none_is_named(
    reward: Reward, tmp_path: Path, row: dict[str, Any], n: int | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        reranked(reward, jsonl(tmp_path / "in.jsonl", [row]), tmp_path / "out.jsonl", n)
    assert "\n" not in str(error.value)


def test_a_policy_of_another_lineage_is_noted_once(reward: Reward, capsys: pytest.CaptureFixture[str]) -> None:
    assert reward.contract is not None
    own = {key: reward.contract.model[key] for key in ("model_type", "tokenizer_hash")}
    rows = [{"sampling": own}, {}, {"sampling": {**own, "seed": 3}}]
    print_lineage_notes(rows, reward)
    assert capsys.readouterr().out == ""
    foreign = {"model_type": "qwen2", "tokenizer_hash": "0123"}
    print_lineage_notes([*rows, {"sampling": foreign}, {"sampling": foreign}], reward)
    (note,) = capsys.readouterr().out.splitlines()
    assert note.startswith("note: the policy is of another lineage than the reward (family qwen2 against llama, ")
    assert f"tokenizer 0123 against {own['tokenizer_hash']}" in note
