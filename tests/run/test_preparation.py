"""The command that only prepares data also says what train knows of slices and benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmx.config.load import compose_config
from rmx.run.preparation import prepare_data


def write(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_slice_and_a_benchmark_are_held_against_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = [
        f"What is number {k} of the list of all things that begin with the letter {chr(97 + k % 26)}?"
        for k in range(60)
    ]
    rows = [{"prompt": p, "chosen": f"good {k}", "rejected": f"bad {k}"} for k, p in enumerate(prompts)]
    judged = [{"input": p.upper(), "output_1": "a", "output_2": "b", "label": 1} for p in prompts[:3]]
    exam = [{"prompt": prompts[5]}, {"prompt": "Something else altogether, which nobody has asked for yet?"}]
    config = compose_config(
        "prepare",
        [
            "data=jsonl",
            f"data.path={write(tmp_path / 'rows.jsonl', rows)}",
            "data.columns.prompt=prompt",
            "data.near_duplicates=false",
            "data.split.validation=0",
            "data.split.heldout=0",
            "slice=[llmbar]",
            f"slice.llmbar.data.path={write(tmp_path / 'judged.jsonl', judged)}",
            f"data.benchmarks.exam.path={write(tmp_path / 'exam.jsonl', exam)}",
        ],
        run=tmp_path / "run",
    )
    assert prepare_data(config) == 0
    told = capsys.readouterr().out
    assert "contamination of llmbar (3): 3 with the same prompt" in told
    assert "contamination of exam (2): 1 with the same prompt" in told
    found = json.loads((tmp_path / "run" / "data" / "ledger.json").read_text())["contamination"]
    assert found["by_slice"]["exam"]["ids"]["prompt"] == ["exam-1"]
    assert found["by_slice"]["llmbar"]["counts"]["near_prompt"] is None
    lines = (tmp_path / "run" / "data" / "contamination.jsonl").read_text().splitlines()
    assert {json.loads(line)["slice"] for line in lines} == {"llmbar", "exam"}
