"""The two runs that `rmx.decide` compares: what may be compared, and what they cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rmx.config.load import compose_config
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.errors import ConfigError, RunError
from rmx.run.arm_cost import arm_cost
from rmx.run.arms import (
    ArmRun,
    differing_settings,
    find_arm,
    refuse_other_data,
    refuse_other_pairs,
    train_arm,
)
from rmx.run.child_runs import refuse_other_settings
from rmx.run.directory import RunDirectory
from rmx.run.finished import FinishedRun

_FACTS = {"parameters": 1000 + 50 * 8, "vocabulary": 50, "hidden": 8, "trainable": 100}


def arm(path: Path, method: str = "rm", **changes: Any) -> ArmRun:
    config = {
        "method": {"kind": method},
        "optim": {"lr": 1e-3},
        "adapter": {"kind": "lora"},
        "batch": {"pairs": 10},
        "trainer": {"accelerator": "cpu"},
        "model": {"trunk": "trained", "gradient_checkpointing": False},
        "paths": {"run": str(path)},
    }
    known: dict[str, Any] = {
        "directory": RunDirectory(path),
        "config": config,
        "ledger": {"splits": {"train": 40}},
        "fingerprints": {"data": "d", "split": "s"},
        "scores": {},
        "model_facts": _FACTS,
    }
    return ArmRun(method, FinishedRun(**(known | changes)))


def with_curve(path: Path, *, steps: int = 8, memory: dict[str, float] | None = None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    rows = [f"{step},{100 + step}" for step in range(1, steps + 1)]
    (path / "metrics.csv").write_text("step,train/tokens\n" + "\n".join([*rows, f"{steps + 1},"]) + "\n")
    phases = [{"name": "training", "seconds": 7.5}, {"name": "scoring", "seconds": 99.0}]
    earlier = [{"phases": [{"name": "training", "seconds": 2.0}]}]
    record = {"phases": phases, "earlier": earlier, "memory": memory or {"process_gib": 1.25}}
    (path / "record.json").write_text(json.dumps(record))


def test_costs_are_read_from_what_the_run_left(tmp_path: Path) -> None:
    with_curve(tmp_path / "rm")
    cost = arm_cost(arm(tmp_path / "rm"))
    tokens = 8 * 100 + 36
    assert (cost.steps, cost.tokens) == (8, tokens)
    assert cost.training_seconds == 9.5  # of both attempts, scoring apart
    assert cost.peak_memory_gib == 1.25
    assert cost.training_flops == tokens * (4 * 1000 + 6 * 100)
    assert (cost.scoring_flops_per_token, cost.models_at_scoring) == (2 * 1000, 1)


def test_dpo_reads_two_models_and_its_reference_once_for_each_text(tmp_path: Path) -> None:
    with_curve(tmp_path / "rm")
    with_curve(tmp_path / "dpo")
    explicit, implicit = arm_cost(arm(tmp_path / "rm")), arm_cost(arm(tmp_path / "dpo", "dpo"))
    # Without score files all tokens count as completions; 8 steps of 10 pairs are two epochs of 40.
    output = 2 * 8 * 50
    extra = explicit.tokens * 3 * output + explicit.tokens / 2 * (2 * 1000 + output)
    assert implicit.training_flops == explicit.training_flops + extra
    assert implicit.models_at_scoring == 2


def test_a_run_without_a_curve_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no complete training curve"):
        arm_cost(arm(tmp_path / "none"))


def test_other_data_or_another_split_are_refused(tmp_path: Path) -> None:
    mine = arm(tmp_path / "rm")
    refuse_other_pairs(mine, arm(tmp_path / "dpo", "dpo"))
    for what in ("data", "split"):
        other = {"data": "d", "split": "s", what: "x"}
        with pytest.raises(RunError, match=f"their {what} differs"):
            refuse_other_pairs(mine, arm(tmp_path / "dpo", "dpo", fingerprints=other))


def test_what_else_differs_is_named_and_the_method_is_not(tmp_path: Path) -> None:
    mine, theirs = arm(tmp_path / "rm"), arm(tmp_path / "dpo", "dpo")
    assert differing_settings(mine, theirs) == {}
    other = {**theirs.run.config, "optim": {"lr": 1e-4}}
    assert differing_settings(mine, arm(tmp_path / "dpo", "dpo", config=other)) == {"optim.lr": ("0.001", "0.0001")}


def test_what_is_no_finished_run_is_no_arm(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"decide\.dpo: .* is no finished run"):
        find_arm(tmp_path, "dpo")


def finished(path: Path, method: str, config: Config) -> None:
    """Leave what makes a directory a finished run, with the configuration that its main job had."""
    path.mkdir(parents=True)
    with_curve(path)
    (path / "data").mkdir()
    (path / "data" / "ledger.json").write_text(json.dumps({"splits": {"train": 40}}))
    known = {**redacted(config), "task": "train", "method": {"kind": method}}
    (path / "config.yaml").write_text(yaml.safe_dump(known))
    (path / "gate.json").write_text(json.dumps({"fingerprints": {}}))


def test_an_arm_is_taken_up_only_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmx.run.finished.verify_split", lambda _: None)
    started: list[list[str]] = []
    monkeypatch.setattr("rmx.run.child_runs.run_child", lambda command, _: (started.append(command), (1, "stop"))[1])
    monkeypatch.setattr("rmx.run.child_runs._shared_overrides", list)
    monkeypatch.setattr("rmx.run.child_runs._flags", list)
    config = compose_config("decide", ["model=tiny-random", "data=synthetic"], run=tmp_path)
    finished(tmp_path / "rm", "rm", config)
    # The verdict is there, the export and the record are not: a kill came between them.
    with pytest.raises(RunError, match="method=rm ended with exit status 1: stop"):
        train_arm(config, "rm")
    assert len(started) == 1
    (tmp_path / "rm" / "report.html").write_text("")
    assert train_arm(config, "rm").path == tmp_path / "rm"
    assert len(started) == 1


def test_a_cross_fit_is_no_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmx.run.finished.verify_split", lambda _: None)
    finished(tmp_path / "rm", "rm", compose_config("decide", ["model=tiny-random", "data=synthetic"], run=tmp_path))
    ledger = tmp_path / "rm" / "data" / "ledger.json"
    ledger.write_text(json.dumps({"splits": {"fold_0": 2}, "folds": {"fold_0": {"train": 1}}}))
    with pytest.raises(ConfigError, match="is a cross-fit of several models; give a run of one"):
        find_arm(tmp_path / "rm", "rm")


def test_a_method_is_not_trained_beside_a_run_of_other_data(tmp_path: Path) -> None:
    config = compose_config("decide", ["data.max_length=300"], run=tmp_path / "here")
    same = yaml.safe_load(yaml.safe_dump(redacted(config)))
    refuse_other_data(arm(tmp_path / "rm", config=same), config)
    same["data"]["max_length"] = 200
    with pytest.raises(ConfigError, match=r"data\.max_length: decide\.rm=.* was trained with 200, not 300"):
        refuse_other_data(arm(tmp_path / "rm", config=same), config)


def test_a_comparison_goes_on_with_the_settings_that_it_was_begun_with(tmp_path: Path) -> None:
    given = ['decide.dpo_overrides=["optim.lr=1e-4"]', "trainer.max_steps=7"]
    begun = yaml.safe_load(yaml.safe_dump(redacted(compose_config("decide", given, run=tmp_path))))
    same = compose_config("decide", [*given, "trainer.resume=auto", "decide.material=0.05"], run=tmp_path)
    refuse_other_settings(same, begun)
    for other, message in (
        ([given[0]], r"was begun with trainer\.max_steps=7, not None"),
        (given[1:], r"was begun with decide\.dpo_overrides=\['optim\.lr=1e-4'\], not \[\]"),
        ([*given, "model=tiny-random"], r"was begun with model\."),
    ):
        with pytest.raises(RunError, match=message):
            refuse_other_settings(compose_config("decide", other, run=tmp_path), begun)


def test_what_was_written_before_a_key_existed_had_its_default(tmp_path: Path) -> None:
    config = compose_config("decide", run=tmp_path)
    before, now = (yaml.safe_load(yaml.safe_dump(redacted(config))) for _ in range(2))
    del before["data"]["ties"], before["optim"]["loss_lr"]
    refuse_other_settings(config, before)
    refuse_other_data(arm(tmp_path / "rm", config=before), config)
    assert differing_settings(arm(tmp_path, config=before), arm(tmp_path, config=now)) == {}
    config.data.ties = "keep"
    with pytest.raises(RunError, match=r"was begun with data\.ties=reject, not keep"):
        refuse_other_settings(config, before)
