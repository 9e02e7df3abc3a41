"""Multirun through Hydra itself: fresh processes, one sweep directory, failures named, metrics read back."""

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

from fake_command import run_fake

SWEEP = ("-m", "data=jsonl", "data.path=a=b (1).jsonl", "trainer=ddp_cpu", "trainer.devices=1,2", "loss.center=0,0.01")


def table(sweep: Path) -> list[dict[str, str]]:
    with (sweep / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    done = run_fake(*SWEEP, "hydra.job.name=named", cwd=folder, environment={"RMX_RUN_ID": "grid"})
    return folder / "outputs" / "train" / "grid", done


def seen(done: subprocess.CompletedProcess[str]) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_four_jobs_in_one_directory(swept):
    sweep, done = swept
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in sweep.iterdir() if path.is_dir()) == ["0", "1", "2", "3"]
    assert [path.name for path in sweep.parent.iterdir()] == ["grid"]
    ran = [(job["config"]["trainer"]["devices"], job["config"]["loss"]["center"]) for job in seen(done)]
    assert ran == [(1, 0.0), (1, 0.01), (2, 0.0), (2, 0.01)]


def test_each_job_has_its_own_directory_and_id(swept):
    sweep, done = swept
    jobs = seen(done)
    assert [job["config"]["paths"]["run"] for job in jobs] == [str(sweep / str(i)) for i in range(4)]
    assert [job["config"]["run_id"] for job in jobs] == [f"grid-{i}" for i in range(4)]


def test_a_job_is_a_single_run_with_the_sweeps_overrides(swept):
    _, done = swept
    for job in seen(done):
        assert not {"-m", "--multirun"} & set(job["argv"])
        assert "hydra.job.name=named" in job["argv"]
        assert job["config"]["data"]["path"] == "a=b (1).jsonl"


def test_metrics_and_verdicts_are_read_back(swept):
    sweep, done = swept
    rows = table(sweep)
    assert [row["last"] for row in rows] == ["0.9", "0.89", "0.9", "0.89"]
    assert {row["best"] for row in rows} == {"0.95"}
    assert {(row["status"], row["verdict"], row["metric"]) for row in rows} == {
        ("done", "PASS", "val/validation/accuracy")
    }
    assert [row["trainer.devices"] for row in rows] == ["1", "1", "2", "2"]
    assert "data" not in rows[0]
    assert "0.95" in done.stdout
    assert "| 3 | 2 | 0.01 | done | PASS |" in (sweep / "sweep.md").read_text()


def test_a_failed_job_is_named_and_the_others_finish(tmp_path):
    endings = "logger.project=data-error,FAIL,crash,INCONCLUSIVE"
    done = run_fake("-m", "data=jsonl", "data.path=x", endings, cwd=tmp_path, environment={"RMX_RUN_ID": "s"})
    assert done.returncode == 1
    rows = table(tmp_path / "outputs" / "train" / "s")
    assert [row["status"] for row in rows] == ["failed (1)", "FAIL", "failed (1)", "INCONCLUSIVE"]
    assert [row["verdict"] for row in rows] == ["", "FAIL", "", "INCONCLUSIVE"]
    assert rows[0]["error"].startswith("error: pairs.jsonl, row 3")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: 2 of 4 jobs failed, the others finished: job 0 (data=jsonl data.path=x logger.pro")
    assert "job 2" in last
    assert "job 1" not in last
    assert "ZeroDivisionError" in last


def test_verdicts_alone_are_success(tmp_path):
    done = run_fake("-m", "data=jsonl", "data.path=x", "logger.project=FAIL,INCONCLUSIVE", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_rule_that_one_job_breaks_does_not_stop_the_others(tmp_path):
    done = run_fake("-m", "data=jsonl", "data.path=x", "trainer.devices=2,1", cwd=tmp_path)
    assert done.returncode == 1
    assert "job 0 (data=jsonl data.path=x trainer.devices=2) exit 2: error: trainer.strategy" in done.stderr
    (sweep,) = (tmp_path / "outputs" / "train").iterdir()
    assert [row["status"] for row in table(sweep)] == ["failed (2)", "done"]


def test_an_option_that_does_not_exist_stops_the_sweep_before_its_first_job(tmp_path):
    done = run_fake("-m", "data=jsonl", "data.path=x", "model=tiny-random,tiny-randm", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: model: no option `tiny-randm`; did you mean `tiny-random`?\n"
    assert seen(done) == []


def test_experiments_bring_their_sweep_and_config_directories_reach_the_jobs(tmp_path):
    own = tmp_path / "own" / "experiment"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 1,2\nloss:\n  center: 0.05\n"
    )
    arguments = ("--config-dir", "own", "data=jsonl", "data.path=x", "experiment=mine", "-m")
    done = run_fake(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [(job["config"]["seed"], job["config"]["loss"]["center"]) for job in seen(done)] == [(1, 0.05), (2, 0.05)]


def test_termination_ends_the_job_too(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(
        "import os, time\nfrom pathlib import Path\nfrom rmx.config.entry import run_command\n\n"
        "def task(config):\n    Path('pid').write_text(str(os.getpid()))\n    time.sleep(60)\n\n"
        "if __name__ == '__main__':\n    run_command('train', task)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "slow.py", "-m", "data=jsonl", "data.path=x", "seed=1,2"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    job = int(pid.read_text())
    parent.send_signal(signal.SIGTERM)
    _, errors = parent.communicate(timeout=60)
    assert parent.returncode == 130, errors
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)
