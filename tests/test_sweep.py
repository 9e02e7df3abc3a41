"""`python -m rmx.sweep FILE`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fake_command import __file__ as fake
from rmx.sweep import sweep

CENTER = Path(__file__).parents[1] / "sweeps" / "center_grid.yaml"
FAKE = """
method: grid
metric: {name: val/validation/accuracy, goal: maximize}
parameters:
  loss.center: {values: [0.0, 0.01]}
  logger.project: {value: FAIL}
command: ["${interpreter}", "-m", "fake_command", "logger=wandb", "${args_no_hyphens}"]
"""


def rmx_sweep(*arguments, cwd, **environment):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RMX_", "HYDRA_"))}
    return subprocess.run(
        [sys.executable, "-m", "rmx.sweep", *arguments],
        cwd=cwd,
        env={**inherited, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_a_sweep_from_the_command_line(tmp_path):
    (tmp_path / "s.yaml").write_text(FAKE)
    place = {"PYTHONPATH": os.pathsep.join([str(Path(fake).parent), os.environ.get("PYTHONPATH", "")])}
    arguments = ("s.yaml", "data=jsonl", "data.path=a=b (1).jsonl")
    done = rmx_sweep(*arguments, cwd=tmp_path, RMX_RUN_ID="mine", **place)
    assert done.returncode == 0, done.stderr
    directory = tmp_path / "outputs" / "sweep" / "mine"
    assert sorted(path.name for path in directory.iterdir() if path.is_dir()) == ["0", "1"]
    assert "| 1 | 0.01 | FAIL | FAIL | val/validation/accuracy | 0.89 | 0.95 |" in (directory / "sweep.md").read_text()
    assert "logger=wandb of s.yaml is logger=csv here" in done.stdout
    assert '"run_id": "mine-1"' in done.stdout
    assert '"kind": "csv"' in done.stdout
    assert '"path": "a=b (1).jsonl"' in done.stdout
    assert "best of 2: trial 0" in done.stdout


def test_a_dry_run_lists_and_leaves_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sweep([str(CENTER), "model=tiny-random", "--dry-run", "sweep.trials=2"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1] == (
        f"command: /usr/bin/env {sys.executable} -m rmx.train logger=csv loss.center=0.0 seed=0 model=tiny-random"
    )
    assert shown[2:] == [
        "trial 0: loss.center=0.0 seed=0",
        "trial 1: loss.center=0.0 seed=1",
        "trials: 2",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_bayes_says_what_it_cannot_know(tmp_path, capsys):
    file = tmp_path / "bayes.yaml"
    file.write_text(
        "method: bayes\nmetric: {name: loss, goal: minimize}\nparameters: {lr: {min: 0.0, max: 1.0}}\n"
        "command: [python, train.py, '${args_no_hyphens}']\n"
    )
    assert sweep([str(file), "--dry-run", "sweep.trials=7"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len([line for line in shown if line.startswith("trial ")]) == 5
    assert shown[-1] == "trials: 7, 2 of them chosen by what the others find"


def test_a_users_own_groups_reach_the_trials(tmp_path, capsys):
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "mine.yaml").write_text("name: mine\nsource: /nowhere\n")
    arguments = [str(CENTER), "--dry-run", "sweep.trials=1", "model=mine"]
    assert sweep([*arguments, "--config-dir", str(tmp_path / "own")]) == 0
    assert f"--config-dir {tmp_path / 'own'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: FILE"),
        (["none.yaml"], "none.yaml: cannot be read"),
        ([str(CENTER), "loss.centre=1"], "loss.centre: unknown key; did you mean `loss.center`?"),
        ([str(CENTER), "model=tiny-randm"], "model: no option `tiny-randm`; did you mean `tiny-random`?"),
        ([str(CENTER), "sweep.trails=1"], "sweep.trails: unknown key; did you mean `trials`?"),
        ([str(CENTER), "sweep.trials=0"], "sweep: trials 0 is not at least 1"),
        ([str(CENTER), "seed=1"], f"seed=1: the sweep varies seed; take it out of {CENTER} or leave it out here"),
        ([str(CENTER), "stray"], "stray: expected KEY=VALUE"),
        ([str(CENTER), "-m"], "unrecognized arguments: -m"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(arguments, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rmx.sweep", *arguments])
    from rmx.sweep import main

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_real_sweep(tmp_path):
    small = ["model=tiny-random", "data.limit=600", "trainer.max_steps=2", "batch.pairs=8", "trainer.threads=1"]
    arguments = (str(CENTER), *small, "sweep.trials=2", "hydra.run.dir=out")
    done = rmx_sweep(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "1" / "report.html").exists()
    assert "best of 2: trial" in done.stdout
    again = rmx_sweep(*arguments, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("finished before") == 2
