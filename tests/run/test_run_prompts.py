"""The prompts of a finished run: each once, those of one split alone, and none once the data have changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.comparison import Rejection
from rmx.data.prepare import prepare
from rmx.data.prepared import Prepared
from rmx.errors import ConfigError, RunError
from rmx.run.finished import FinishedRun, find_run
from rmx.run.run_prompts import run_prompts


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"id": f"{i}-{k}", "prompt": f"Question {i}?", "chosen": f"yes {k}", "rejected": f"no {k}"}
        for i in range(60)
        for k in range(2)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def prepared(source: Path) -> Prepared:
    columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "id": "id"}
    whole = prepare(DataConfig(path=str(source), columns=columns, split=SplitConfig(validation=0.0, heldout=0.3)))
    # One of a prompt's two pairs, and both of another's, are too long for the run's model.
    first, second, *_ = {pair.prompt: pair for pair in whole.splits["heldout"]}
    gone = [p for p in whole.splits["heldout"] if p.prompt == first or (p.prompt == second and "yes 0" in p.chosen)]
    return whole.drop([Rejection(p.pair_id, p.origin, "over_length", "") for p in gone])


@pytest.fixture
def run(tmp_path: Path, source: Path, prepared: Prepared) -> FinishedRun:
    directory = tmp_path / "run"
    (directory / "data").mkdir(parents=True)
    prepared.write(directory / "data")
    columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "id": "id"}
    data = DataConfig(path=str(source), columns=columns, split=SplitConfig(validation=0.0, heldout=0.3))
    (directory / "config.yaml").write_text(yaml.safe_dump({"data": asdict(data), "model": {"name": "m"}}))
    fingerprints = {"data": prepared.fingerprint, "split": prepared.ledger.split_fingerprint}
    (directory / "gate.json").write_text(json.dumps({"fingerprints": fingerprints}))
    found = find_run(directory)
    assert found is not None
    return found


def test_every_prompt_that_the_run_held_out_stands_once_with_its_group(
    run: FinishedRun, prepared: Prepared, tmp_path: Path
) -> None:
    rows, identity = run_prompts(run, "heldout", cache=tmp_path / "cache")
    expected = {pair.prompt[0].content: pair.group for pair in prepared.splits["heldout"]}
    assert [(row["prompt"][0]["content"], row["group"]) for _, row in rows] == list(expected.items())
    assert len(rows) > 8
    train, other = run_prompts(run, "train", cache=tmp_path / "cache")
    assert not {row["group"] for _, row in train} & set(expected.values())
    assert identity != other
    assert run_prompts(run, "heldout", cache=tmp_path / "cache")[1] == identity


def test_data_that_changed_since_are_not_asked(run: FinishedRun, source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sample\.split=validation: .* has no pairs there"):
        run_prompts(run, "validation", cache=tmp_path / "cache")
    # The same ids, other prompts.
    source.write_text(source.read_text().replace("Question", "Riddle"))
    with pytest.raises(RunError, match="its data have changed since"):
        run_prompts(run, "heldout", cache=tmp_path / "cache")
