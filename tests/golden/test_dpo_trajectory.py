"""Eight optimiser steps of DPO on tiny-random: the stored losses, for any budget, layout, processes, after a kill."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tests.golden.test_trajectory import command as trajectory_command
from tests.golden.test_trajectory import losses, reached
from tests.golden.test_trajectory import run as trajectory_run

GOLDEN = Path(__file__).parent / "dpo_trajectory.json"
STEPS = 8
JOB = [
    "method=dpo",
    "model=tiny-random",
    "data=synthetic",
    "data.world.pairs=150",
    "slice=[]",
    "scorer={}",
    "batch.pairs=16",
    "optim.lr=3e-3",
    "loss.label_smoothing=0.05",
    f"trainer.max_steps={STEPS}",
    "trainer.val_every=4",
    "trainer.save_every=1",
    "trainer.threads=1",
]


command = functools.partial(trajectory_command, job=JOB)
run = functools.partial(trajectory_run, job=JOB)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("golden") / "run")


def test_the_losses_are_the_stored_ones(uninterrupted: Path) -> None:
    assert losses(uninterrupted) == pytest.approx(json.loads(GOLDEN.read_text())["train/loss"], abs=1e-6)


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(("batch.max_tokens=400", "batch.layout=padded"), id="budget and layout"),
        pytest.param(("trainer=ddp_cpu", "trainer.devices=2"), id="two processes", marks=pytest.mark.slow),
    ],
)
def test_hardware_and_budget_leave_the_losses(uninterrupted: Path, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    assert losses(run(tmp_path / "run", *overrides)) == pytest.approx(losses(uninterrupted), abs=1e-6)


@pytest.mark.slow
def test_two_processes_train_all_weights_as_one_does(tmp_path: Path) -> None:
    few = ("adapter=none", "trainer.max_steps=3", "optim.lr=1e-3")
    one, two = (
        run(tmp_path / name, *few, *more)
        for name, more in (("one", ()), ("two", ("trainer=ddp_cpu", "trainer.devices=2")))
    )
    assert losses(two) == pytest.approx(losses(one), abs=1e-6)


@pytest.mark.slow
def test_killed_and_resumed_the_last_weights_are_the_same_bits(uninterrupted: Path, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    last = directory / "checkpoints" / "last.ckpt"
    job = subprocess.Popen(command(directory), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while reached(last) < 3:
        assert job.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    run(directory, "trainer.resume=auto")
    mine, whole = (
        load_file(d / "checkpoints" / "last.ckpt" / "tensors.safetensors") for d in (directory, uninterrupted)
    )
    trained = [name for name in whole if name.startswith(("/state_dict/", "/optimizer_states/"))]
    assert any("lora_A" in name for name in trained)
    assert all((mine[name] == whole[name]).all() for name in trained)
    assert losses(directory) == losses(uninterrupted)
