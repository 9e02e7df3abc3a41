"""Sweeps from the first trial to the table, with a program that takes no time: resumed, failing, killed, on target."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from rmx.errors import ConfigError, RunError
from rmx.search.plan import SweepSettings, make_plan
from rmx.search.running import run_trials

PROGRAM = """
import pathlib, sys, time
given = dict(word.lstrip("+").split("=", 1) for word in sys.argv[1:])
run = pathlib.Path(given["hydra.run.dir"])
run.mkdir(parents=True, exist_ok=True)
with (run / "argv").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
x = float(given["x"])
pathlib.Path("began").write_text(given["x"])
while pathlib.Path("wait").exists():
    time.sleep(0.02)
if x > 0.9 and not pathlib.Path("mended").exists():
    sys.exit("error: x is too great")
worth = 1 - (x - 0.3) ** 2
rows = f"step,val/validation/accuracy\\n1,{worth}\\n2,{worth - 0.5 * (x == 0.3)}\\n"
(run / "metrics.csv").write_text(rows)
sys.exit(3 if x == 0.4 else 0)
"""
FILE = {
    "method": "grid",
    "metric": {"name": "val/validation/accuracy", "goal": "maximize"},
    "parameters": {"x": {"values": [0.1, 0.3, 0.4, 0.95]}},
    "command": ["${interpreter}", "trial.py", "${args_no_hyphens}"],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trial.py").write_text(PROGRAM)
    return tmp_path


def plan(extra=(), trials=None, seed=0, read="best", **changes):
    Path("s.yaml").write_text(yaml.safe_dump({**FILE, **changes}))
    return make_plan(Path("s.yaml"), SweepSettings(trials, seed, read), extra, [])


def starts(sweep):
    """The command lines that each trial was started with."""
    return {path.parent.name: path.read_text().splitlines() for path in sorted(sweep.glob("*/argv"))}


def table(sweep):
    with (sweep / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_with_a_verdict_and_a_failure(folder, capfd):
    with pytest.raises(
        RunError, match=r"1 of 4 jobs failed, the others finished: job 3 \(x=0.95\) exit 1: error: x is"
    ):
        run_trials(plan(extra=["y=1"]), folder / "out")
    rows = table(folder / "out")
    assert [(row["x"], row["status"]) for row in rows] == [
        ("0.1", "done"), ("0.3", "done"), ("0.4", "FAIL"), ("0.95", "failed (1)")
    ]  # fmt: skip
    assert starts(folder / "out")["1"] == [f"x=0.3 y=1 hydra.run.dir={folder}/out/1"]
    best = f"best of 3: trial 1 (x=0.3), best val/validation/accuracy 1, {folder}/out/1"
    assert best in capfd.readouterr().out
    assert best in (folder / "out" / "sweep.md").read_text()


def test_the_last_value_may_count_instead(folder, capfd):
    run_trials(plan(read="last", trials=3), folder / "out")
    assert "trial 2 (x=0.4), last val/validation/accuracy 0.99" in capfd.readouterr().out


def test_it_goes_on_with_what_did_not_finish(folder):
    with pytest.raises(RunError):
        run_trials(plan(), folder / "out")
    Path("mended").touch()
    assert run_trials(plan(), folder / "out") == 0
    again = starts(folder / "out")
    assert [len(again[number]) for number in "0123"] == [1, 1, 1, 2]
    assert "trainer.resume=auto" in again["3"][1]
    assert "trainer.resume" not in again["3"][0]
    assert [row["status"] for row in table(folder / "out")] == ["done", "done", "FAIL", "done"]


def test_a_killed_sweep_goes_on(folder):
    plan()
    Path("wait").touch()
    code = (
        "from pathlib import Path; from rmx.search.plan import *; from rmx.search.running import run_trials\n"
        "run_trials(make_plan(Path('s.yaml'), SweepSettings(trials=2), [], []), Path('out'))"
    )
    sweep = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not Path("began").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(RunError, match="another job is running"):
        run_trials(plan(trials=2), folder / "out")
    os.kill(sweep.pid, signal.SIGTERM)
    sweep.wait(60)
    record = json.loads((folder / "out" / "sweep.json").read_text())
    assert [trial["exit_status"] for trial in record["trials"]] == [None]
    Path("wait").unlink()
    run_trials(plan(trials=2), folder / "out")
    assert [len(lines) for lines in starts(folder / "out").values()] == [2, 1]


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_more_trials_continue_the_same_search(folder, method):
    asked = {"method": method, "parameters": {"x": {"min": 0.0, "max": 0.85}}}
    run_trials(plan(trials=8, **asked), folder / "at_once")
    run_trials(plan(trials=3, **asked), folder / "in_two")
    run_trials(plan(trials=8, **asked), folder / "in_two")
    tried = [[row["x"] for row in table(folder / name)] for name in ("at_once", "in_two")]
    assert tried[0] == tried[1]
    assert len(set(tried[0])) == 8
    run_trials(plan(trials=2, seed=1, **asked), folder / "other")
    assert table(folder / "other")[0]["x"] != tried[0][0]


def test_another_sweep_is_not_mixed_in(folder):
    run_trials(plan(trials=1), folder / "out")
    with pytest.raises(RunError, match=r"was begun with overrides=\[\], not \['y=1'\]"):
        run_trials(plan(extra=["y=1"], trials=1), folder / "out")
    with pytest.raises(RunError, match="was begun with parameters="):
        run_trials(plan(trials=1, parameters={"x": {"values": [0.2]}}), folder / "out")
    with pytest.raises(RunError, match="holds something else"):
        run_trials(plan(trials=1), folder / "out" / "0")


def test_a_target_ends_it(folder, capfd):
    run_trials(plan(metric={**FILE["metric"], "target": 0.999}), folder / "out")
    assert list(starts(folder / "out")) == ["0", "1"]
    assert "trial 1 reached metric.target=0.999" in capfd.readouterr().out


def test_a_metric_that_no_run_writes_stops_it_after_the_first(folder):
    with pytest.raises(RunError, match="no column val/validation/acuracy; did you mean `val/validation/accuracy`"):
        run_trials(plan(metric={"name": "val/validation/acuracy", "goal": "maximize"}), folder / "out")
    assert list(starts(folder / "out")) == ["0"]


def test_without_an_end_it_asks_for_one(folder):
    asked = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    with pytest.raises(ConfigError, match=r"has no end; give run_cap in it, or sweep\.trials=N"):
        plan(**asked)
    assert plan(run_cap=5, **asked).count == 5
    assert plan(run_cap=5, trials=9, **asked).count == 9
    assert plan(trials=99).count == 4  # a grid has no more
