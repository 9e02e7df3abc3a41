"""A signal while training: the step in hand is finished and saved, and nothing else ends the process."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from tests.test_module import pair_set, small_model

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.interruption import Interruption
from rmx.config.schema import BatchConfig, OptimConfig, TrainerConfig
from rmx.data.datamodule import PreferenceData
from rmx.data.plan import StepPlan
from rmx.loss import BradleyTerry
from rmx.module import RewardModule
from rmx.run.trainer import LAST, build_trainer


class Raise(pl.Callback):
    """Sends this process a signal in the middle of its third step."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def on_train_batch_start(self, trainer: pl.Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 2:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_step_in_hand_is_saved_and_training_stops(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    pairs = pair_set()
    plan = StepPlan(pairs.groups, BatchConfig(pairs=12), seed=0, fingerprint="", max_epochs=1, max_steps=6)
    module = RewardModule(small_model(), loss=BradleyTerry(), optim=OptimConfig(), total_steps=6)
    trainer = build_trainer(
        TrainerConfig(quiet=True), tmp_path, total_steps=6, steps_per_epoch=6, resume_step=0, first=[Raise(number)],
        loggers=[], validates=False,
    )  # fmt: skip
    trainer.fit(module, PreferenceData(pairs, plan, {}))
    (found,) = [c for c in trainer.callbacks if isinstance(c, Interruption)]
    assert found.signal == number
    assert trainer.global_step == 3
    assert SafeCheckpointIO().load_checkpoint(tmp_path / "checkpoints" / LAST)["global_step"] == 3
    assert signal.getsignal(number) == before
