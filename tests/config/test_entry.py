"""Commands as processes: exit status, the one line, what is left behind."""

from __future__ import annotations

import json

import pytest

from fake_command import run_fake

JSONL = ("data=jsonl", "data.path=pairs.jsonl")


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["logger.project=nothing"], 0, ""),
        (["logger.project=FAIL"], 3, ""),
        (["logger.project=INCONCLUSIVE"], 4, ""),
        (["loss.centre=1"], 2, "error: loss.centre: unknown key; did you mean `loss.center`?"),
        (["+loss.centre=1"], 2, "error: loss.centre: unknown key; did you mean `loss.center`?"),
        (["model=lama3-8b"], 2, "error: model: no option `lama3-8b`; did you mean `llama3-8b`?"),
        (["--run", "-m"], 2, "error: Only one of --run, --multirun,"),
        (
            ["logger.project=data-error"],
            1,
            "error: pairs.jsonl, row 3: no column `chosen`; name it with data.columns.chosen",
        ),
        (
            ["logger.project=crash"],
            1,
            "error: ZeroDivisionError: integer division by zero; RMX_TRACEBACK=1 shows where",
        ),
        (["logger.project=interrupt"], 130, "error: interrupted"),
    ],
)
def test_every_ending_has_its_status_and_at_most_one_line(tmp_path, arguments, status, line):
    done = run_fake(*JSONL, *arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == bool(line)
    if status in (1, 2, 130):
        assert not list((tmp_path / "outputs").glob("*/*")), "an empty run directory was left behind"


def test_a_traceback_only_when_asked_for(tmp_path):
    done = run_fake(*JSONL, "logger.project=crash", cwd=tmp_path, environment={"RMX_TRACEBACK": "1"})
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.endswith("error: ZeroDivisionError: integer division by zero\n")


def test_paths_arrive_as_typed_and_so_does_the_command_line(tmp_path):
    typed = ["data=jsonl", "data.path=a=b (1), é.jsonl", "hydra.run.dir=my run=1", "data.columns.id=uid"]
    (tmp_path / "a=b (1), é.jsonl").touch()
    done = run_fake(*typed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["argv"] == typed
    assert seen["config"]["data"]["path"] == "a=b (1), é.jsonl"
    assert seen["config"]["data"]["columns"]["id"] == "uid"
    assert seen["config"]["paths"]["run"] == str(tmp_path / "my run=1")
    assert sorted(path.name for path in (tmp_path / "my run=1").iterdir()) == ["gate.json", "metrics.csv"]


def test_the_run_directory_is_named_by_task_and_run_id(tmp_path):
    done = run_fake(*JSONL, cwd=tmp_path, environment={"RMX_RUN_ID": "mine"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "train" / "mine" / "metrics.csv").is_file()
    assert json.loads(done.stdout)["config"]["run_id"] == "mine"


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_only_rank_zero_brings_the_verdict(tmp_path, variable):
    # A rank that ends with another status than 0 is a crash to Lightning, torchrun and SLURM.
    assert run_fake(*JSONL, "logger.project=FAIL", cwd=tmp_path, environment={variable: "1"}).returncode == 0
    crashed = run_fake(*JSONL, "logger.project=crash", cwd=tmp_path, environment={variable: "1"})
    assert crashed.returncode == 1
    assert crashed.stderr.startswith("error (rank 1): ZeroDivisionError")


def test_a_users_own_config_directory_is_found(tmp_path):
    own = tmp_path / "own" / "data"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("name: mine\npath: mine.jsonl\n")
    done = run_fake("data=mine", "--config-dir", "own", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["config"]["data"]["path"] == "mine.jsonl"


def test_nothing_heavy_is_imported_before_the_task(tmp_path):
    assert json.loads(run_fake(*JSONL, cwd=tmp_path).stdout)["heavy"] == []


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"], ["--cfg", "job", "--resolve", "paths.run=here"]])
def test_flags_that_only_show_leave_nothing_behind(tmp_path, flags):
    done = run_fake(*flags, *JSONL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "trainer" in done.stdout
    assert list(tmp_path.iterdir()) == []
