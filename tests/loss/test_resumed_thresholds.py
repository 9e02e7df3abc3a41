"""A run that was killed goes on with the thresholds of its loss, and their optimiser, to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.metrics_file import read_metrics
from rmx.config.schema import BatchConfig, OptimConfig, TrainerConfig
from rmx.data.datamodule import PreferenceData
from rmx.data.plan import StepPlan
from rmx.loss import Loss
from rmx.loss.cumulative import CumulativeLoss
from rmx.loss.davidson import Davidson
from rmx.loss.ordered_probit import NORMAL
from rmx.module import RewardModule
from rmx.run.trainer import LAST, build_trainer, quiet_lightning
from test_module import pair_set, small_model

STEPS = 6


class Killed(pl.Callback):
    """Dies before a step."""

    def __init__(self, step: int | None) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise RuntimeError("killed")


def train(directory: Path, loss: Loss, *, killed_at: int | None = None, resume: bool = False) -> dict[str, Any]:
    """Return the last checkpoint's weights."""
    pairs = replace(pair_set(), grade=np.arange(30) % 3)
    plan = StepPlan(pairs.groups, BatchConfig(pairs=12), seed=0, fingerprint="", max_epochs=1, max_steps=STEPS)
    directory.mkdir(exist_ok=True)
    last = directory / "checkpoints" / LAST
    trainer = build_trainer(
        TrainerConfig(val_every=100, save_every=1, quiet=True),
        directory,
        total_steps=STEPS,
        steps_per_epoch=plan.steps_per_epoch,
        resume_step=int(SafeCheckpointIO().load_checkpoint(last)["global_step"]) if resume else 0,
        first=[],
        loggers=[],
        validates=False,
        extra=[Killed(killed_at)],
    )
    optim = OptimConfig(lr=0.05, loss_lr=0.1)
    module = RewardModule(small_model(), loss=loss, optim=optim, total_steps=STEPS)
    with quiet_lightning():
        trainer.fit(module, PreferenceData(pairs, plan, {}), ckpt_path=last if resume else None)
    state: dict[str, Any] = SafeCheckpointIO().load_checkpoint(last)["state_dict"]
    return state


@pytest.mark.parametrize(
    "fresh",
    [lambda: Davidson(0.3), lambda: CumulativeLoss(NORMAL, [0.3, 0.4, 0.3])],
    ids=["davidson", "ordered_probit"],
)
def test_killed_and_resumed_the_thresholds_are_the_same_bits(fresh: Callable[[], Loss], tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", fresh())
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path / "killed", fresh(), killed_at=3)
    resumed = train(tmp_path / "killed", fresh(), resume=True)
    assert any(name.startswith("loss.") for name in whole)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    curves = [read_metrics(tmp_path / name / "metrics.csv") for name in ("whole", "killed")]
    names = [f"train/{n}" for n in ("nu", "cuts_0", "cuts_1") if f"train/{n}" in curves[0][0]]
    assert names
    for name in names:
        assert [row[name] for row in curves[1]] == [row[name] for row in curves[0]]
        # They do move.
        assert len({row[name] for row in curves[0]}) == STEPS
