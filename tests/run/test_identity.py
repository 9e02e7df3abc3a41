"""Which checkpoints a run continues: those of before a key existed, and none of another loss."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.config.schema import Config
from rmx.errors import RunError
from rmx.run.trainer import LAST
from rmx.run.training import _identity, _resume


def identity(config: Config) -> dict[str, Any]:
    corpus = SimpleNamespace(prepared=SimpleNamespace(fingerprint="data"))
    return _identity(config, corpus, SimpleNamespace(facts={}), SimpleNamespace(total_steps=3), "template")  # type: ignore[arg-type]


def resumed(directory: Path, saved: dict[str, Any], now: dict[str, Any]) -> int:
    SafeCheckpointIO().save_checkpoint({"identity": saved, "global_step": 2}, directory / LAST)
    config = Config()
    config.trainer.resume = "auto"
    return _resume(config, SimpleNamespace(checkpoints=directory), now)[1]  # type: ignore[arg-type]


def test_a_checkpoint_of_before_losses_were_named_is_bradley_terrys(tmp_path: Path) -> None:
    before = {key: value for key, value in identity(Config()).items() if key not in ("loss.kind", "optim.loss_lr")}
    assert resumed(tmp_path, before, identity(Config())) == 2
    other = Config()
    other.loss.kind = "davidson"
    with pytest.raises(RunError, match=r"belongs to a run with loss\.kind='bt', now 'davidson'"):
        resumed(tmp_path, before, identity(other))


@pytest.mark.parametrize("order", [1, -1])
def test_a_checkpoint_of_another_loss_is_refused_either_way(tmp_path: Path, order: int) -> None:
    other = Config()
    other.loss.kind = "davidson"
    saved, now = [identity(Config()), identity(other)][::order]
    with pytest.raises(RunError, match=r"belongs to a run with loss\.kind='\w+', now '\w+'; restore it"):
        resumed(tmp_path, saved, now)
