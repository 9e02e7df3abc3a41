"""SLURM's variables: which process this is, one run directory for all tasks, mistakes in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.golden.test_trajectory import JOB, losses, run

from rmx.config.load import compose_config, run_id
from rmx.errors import RunError
from rmx.run.cluster import slurm_environment

STEP = {
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "2",
    "SLURM_JOB_NAME": "reward",
    "SLURM_NTASKS": "4",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_NODELIST": "node[17-18]",
}


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("SLURM_")] + [
        "RMX_RUN_ID",
        "MASTER_ADDR",
        "MASTER_PORT",
    ]:
        monkeypatch.delenv(name, raising=False)
    for name, value in STEP.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_task_knows_its_place_and_lightning_does_not_requeue(step: pytest.MonkeyPatch) -> None:
    found = slurm_environment(2, 2)
    assert found is not None
    assert (found.world_size(), found.global_rank(), found.local_rank(), found.node_rank()) == (4, 3, 1, 1)
    assert found.main_address == "node17"
    assert not found.auto_requeue


def test_the_trainer_takes_its_processes_from_the_job_step(step: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = compose_config("train", ["trainer=slurm"], run=tmp_path)
    assert (config.trainer.devices, config.trainer.num_nodes, config.trainer.strategy) == (2, 2, "ddp")
    sharded = compose_config("train", ["trainer=slurm", "trainer.strategy=fsdp", "recipe=none"], run=tmp_path)
    assert (sharded.trainer.devices, sharded.trainer.strategy) == (2, "fsdp")


def test_all_tasks_have_one_run_id_that_requeueing_keeps(step: pytest.MonkeyPatch) -> None:
    assert run_id() == "slurm-4711-2"
    step.setenv("SLURM_PROCID", "0")
    assert run_id() == "slurm-4711-2"
    step.setenv("RMX_RUN_ID", "mine")
    assert run_id() == "mine"
    step.delenv("RMX_RUN_ID")
    step.setenv("SLURM_NTASKS", "1")
    assert not run_id().startswith("slurm")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SLURM_NTASKS_PER_NODE", "4", "devices=2"),
        ("SLURM_NNODES", "1", "num_nodes=2"),
        ("SLURM_NTASKS_PER_NODE", None, "--ntasks=4"),
    ],
)
def test_other_tasks_than_configured_are_refused(
    step: pytest.MonkeyPatch, variable: str, value: str | None, message: str
) -> None:
    if value is None:
        step.delenv(variable)
    else:
        step.setenv(variable, value)
    with pytest.raises(RunError, match=f"SLURM: .*{message}.*trainer=slurm") as error:
        slurm_environment(2, 2)
    assert "\n" not in str(error.value)


def test_outside_a_job_step_there_is_none(step: pytest.MonkeyPatch) -> None:
    for name in STEP:
        step.delenv(name)
    assert slurm_environment(2, 1) is None


@pytest.mark.slow
def test_two_tasks_train_as_one_process(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    step = STEP | {"SLURM_NTASKS": "2", "SLURM_NNODES": "1", "SLURM_NODEID": "0", "MASTER_ADDR": "127.0.0.1"}
    short = [*JOB, "trainer.max_steps=6", "trainer.val_every=3"]
    arguments = ["trainer=slurm", "trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.resume=auto"]
    command = [sys.executable, "-m", "rmx.train", *short, *arguments]
    kept = {name: value for name, value in os.environ.items() if name != "RMX_RUN_ID"}
    tasks = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env=kept | step | {"MASTER_PORT": str(port), "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for rank in range(2)
    ]
    told = [task.communicate(timeout=280)[0].decode() for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    found = tmp_path / "outputs" / "train" / "slurm-4711-2"
    assert (found / "report.html").exists()
    assert losses(found) == pytest.approx(losses(run(tmp_path / "one", job=short)), abs=1e-6)
