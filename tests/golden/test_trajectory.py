"""Twenty optimiser steps of tiny-random: the stored losses, for any budget, any number of processes, after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file
from tests.preloaded import run_module

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.metrics_file import read_metrics

GOLDEN = Path(__file__).parent / "trajectory.json"
STEPS = 20
JOB = [
    "model=tiny-random",
    "data=synthetic",
    "data.world.pairs=400",
    "slice.fresh_policy.data.world.pairs=40",
    "batch.pairs=16",
    "optim.lr=1e-3",
    "loss.center=0.01",
    f"trainer.max_steps={STEPS}",
    "trainer.val_every=10",
    "trainer.save_every=1",
    "trainer.threads=1",
]


def command(directory: Path, *overrides: str, job: Sequence[str] = JOB) -> list[str]:
    return [sys.executable, "-m", "rmx.train", *job, *overrides, f"hydra.run.dir={directory}"]


def run(directory: Path, *overrides: str, job: Sequence[str] = JOB) -> Path:
    arguments = command(directory, *overrides, job=job)
    if "trainer=ddp_cpu" in overrides:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=280, check=False)
    else:
        done = run_module(*arguments[2:], timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


def losses(directory: Path) -> list[float]:
    return [row["train/loss"] for row in read_metrics(directory / "metrics.csv") if "train/loss" in row]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("golden") / "run")


def test_the_losses_are_the_stored_ones(uninterrupted: Path) -> None:
    stored = json.loads(GOLDEN.read_text())
    assert losses(uninterrupted) == pytest.approx(stored["train/loss"], abs=1e-6)
    rows = read_metrics(uninterrupted / "metrics.csv")
    validation = [r["val/validation/accuracy"] for r in rows if "val/validation/accuracy" in r]
    assert validation == pytest.approx(stored["val/validation/accuracy"])


@pytest.mark.parametrize(
    "overrides",
    [("batch.max_tokens=400",), ("batch.layout=padded",), ("trainer=ddp_cpu", "trainer.devices=2")],
    ids=["budget", "layout", "two processes"],
)
def test_hardware_and_budget_leave_the_losses(uninterrupted: Path, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    other = run(tmp_path / "run", *overrides)
    assert losses(other) == pytest.approx(losses(uninterrupted), abs=1e-6)
    mine, whole = dynamics(other), dynamics(uninterrupted)
    validations = {v for v, split in zip(whole["visits"], whole["split"], strict=True) if split == "validation"}
    assert (validations, max(whole["visits"])) == ({2}, 2)
    for name in ("pair_id", "split", "visits"):
        assert mine[name] == whole[name]
    for name in ("mean_margin", "sd_margin", "last_margin", "confidence"):
        assert mine[name] == pytest.approx(whole[name], abs=1e-4, nan_ok=True)


def test_killed_and_resumed_the_last_weights_are_the_same_bits(uninterrupted: Path, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    last = directory / "checkpoints" / "last.ckpt"
    job = subprocess.Popen(command(directory), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while reached(last) < 11:
        assert job.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    assert not (directory / "gate.json").exists()
    run(directory, "trainer.resume=auto")
    mine, whole = (
        load_file(d / "checkpoints" / "last.ckpt" / "tensors.safetensors") for d in (directory, uninterrupted)
    )
    trained = [name for name in whole if name.startswith(("/state_dict/", "/optimizer_states/"))]
    assert any(name.endswith("head.weight") for name in trained)
    assert all((mine[name] == whole[name]).all() for name in trained)
    assert losses(directory) == losses(uninterrupted)
    assert dynamics(directory) == dynamics(uninterrupted)


def dynamics(directory: Path) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = pq.read_table(directory / "data" / "dynamics.parquet").to_pydict()
    return columns


def reached(checkpoint: Path) -> int:
    try:
        return int(SafeCheckpointIO().load_checkpoint(checkpoint)["global_step"])
    except Exception:  # not there yet, or just being replaced
        return 0


def test_a_used_directory_is_refused_and_a_changed_run_is_not_continued(uninterrupted: Path) -> None:
    again = run_module(*command(uninterrupted)[2:])
    assert again.returncode == 1
    assert "already holds a run" in again.stderr
    changed = command(uninterrupted, "trainer.resume=auto", "optim.lr=5e-4")
    other = run_module(*changed[2:])
    assert other.returncode == 1
    assert "optim.lr" in other.stderr
