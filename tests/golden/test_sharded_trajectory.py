"""Sharded over two processes a run has the losses, checkpoints and export that it has in one."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.golden.test_trajectory import GOLDEN, command, losses, reached, run

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.metrics_file import read_metrics

SHARDED = ("trainer=fsdp", "trainer.accelerator=cpu", "trainer.precision=32-true")
FULL = (
    "adapter=none",
    "optim.lr=3e-4",
    "trainer.max_steps=8",
    "trainer.val_every=4",
    "batch.max_tokens=1500",
    "audit=fast",
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a fixture is two runs


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("alone") / "run", *FULL)


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("sharded") / "run", *FULL, *SHARDED)


def test_lora_has_the_stored_losses(tmp_path: Path) -> None:
    stored = json.loads(GOLDEN.read_text())
    found = run(tmp_path / "run", *SHARDED)
    assert losses(found) == pytest.approx(stored["train/loss"], abs=1e-6)
    rows = read_metrics(found / "metrics.csv")
    accuracies = [r["val/validation/accuracy"] for r in rows if "val/validation/accuracy" in r]
    assert accuracies == pytest.approx(stored["val/validation/accuracy"])


def test_all_weights_train_as_in_one_process(alone: Path, sharded: Path) -> None:
    assert losses(sharded) == pytest.approx(losses(alone), abs=1e-6)
    columns = [column(d / "metrics.csv", "train/gradient_norm") for d in (sharded, alone)]
    assert columns[0] == pytest.approx(columns[1], rel=1e-5)


def test_checkpoint_and_export_are_whole(alone: Path, sharded: Path) -> None:
    mine, whole = (checkpoint(d) for d in (sharded, alone))
    assert mine["state_dict"].keys() == whole["state_dict"].keys()
    for name, tensor in whole["state_dict"].items():
        torch.testing.assert_close(mine["state_dict"][name], tensor, atol=2e-5, rtol=1e-3)
    moments = [
        {i: {k: v.shape for k, v in s.items()} for i, s in c["optimizer_states"][0]["state"].items()}
        for c in (mine, whole)
    ]
    assert moments[0] == moments[1]
    for name, tensor in load_file(alone / "model" / "model.safetensors").items():
        found = load_file(sharded / "model" / "model.safetensors")[name]
        torch.testing.assert_close(found, tensor, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("then", [SHARDED, ()], ids=["sharded again", "in one process"])
def test_terminated_and_continued(sharded: Path, tmp_path: Path, then: tuple[str, ...]) -> None:
    directory = tmp_path / "run"
    last = directory / "checkpoints" / "last.ckpt"
    job = subprocess.Popen(command(directory, *FULL, *SHARDED), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while reached(last) < 2:
        assert job.poll() is None, "the job ended before it could be terminated"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.send_signal(signal.SIGTERM)
    _, told = job.communicate(timeout=120)
    assert job.returncode == 130, told
    assert b"interrupted by SIGTERM" in told
    run(directory, *FULL, *then, "trainer.resume=auto")
    assert losses(directory) == pytest.approx(losses(sharded), abs=1e-6)


def checkpoint(directory: Path) -> dict[str, Any]:
    return SafeCheckpointIO().load_checkpoint(directory / "checkpoints" / "last.ckpt")


def column(file: Path, name: str) -> list[float]:
    return [row[name] for row in read_metrics(file) if name in row]
