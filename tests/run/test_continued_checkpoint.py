"""Which checkpoint a run continues: its own, also one from before a key was added, and no other run's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.config.schema import Config
from rmx.errors import RunError
from rmx.run import training
from rmx.run.directory import RunDirectory

ADDED = ("model.adapter", "adapter.source")


def settings(**changes: Any) -> tuple[Config, dict[str, str]]:
    """Return a configuration, and its part of a checkpoint's identity."""
    config = Config()
    config.trainer.resume = "auto"
    for key, value in changes.items():
        group, _, name = key.partition("__")
        setattr(getattr(config, group), name, value)
    return config, {key: repr(value) for key, value in training._settings(config).items()}


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """A run whose checkpoint is of a time before the keys of ADDED."""
    _, identity = settings(optim__lr=3e-4)
    before = {key: value for key, value in identity.items() if key not in ADDED}
    assert len(before) == len(identity) - len(ADDED)
    found = RunDirectory(tmp_path)
    SafeCheckpointIO().save_checkpoint({"identity": before, "global_step": 7}, found.checkpoints / "last.ckpt")
    return found


def test_a_checkpoint_that_does_not_know_a_key_is_continued_at_its_default(directory: RunDirectory) -> None:
    config, identity = settings(optim__lr=3e-4)
    assert training._resume(config, directory, identity) == (directory.checkpoints / "last.ckpt", 7)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"optim__lr": 1e-4}, "optim.lr=0.0003, now 0.0001"),
        ({"optim__lr": 3e-4, "model__adapter": "d"}, "model.adapter=None, now 'd'"),
    ],
)
def test_another_runs_is_refused(directory: RunDirectory, changes: dict[str, Any], named: str) -> None:
    config, identity = settings(**changes)
    with pytest.raises(RunError, match=f"belongs to a run with {named}"):
        training._resume(config, directory, identity)


@pytest.mark.parametrize("key", ["gradient_checkpointing", "checkpointing_reentrant", "activation_offload", "compile"])
def test_memory_may_be_saved_otherwise(directory: RunDirectory, key: str) -> None:
    config, identity = settings(optim__lr=3e-4, **{f"model__{key}": True})
    assert training._resume(config, directory, identity)[1] == 7
