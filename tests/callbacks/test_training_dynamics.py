"""Margins by pair through training: what the batches saw, none twice, none lost over a restart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.dynamics import TrainingDynamics
from rmx.callbacks.gather import GatherRewards
from rmx.config.schema import BatchConfig, OptimConfig, TrainerConfig
from rmx.data.datamodule import PreferenceData
from rmx.data.dynamics import Dynamics
from rmx.data.plan import StepPlan
from rmx.errors import RunError
from rmx.loss import BradleyTerry
from rmx.module import RewardModule
from rmx.run.trainer import LAST, build_trainer, quiet_lightning
from test_module import pair_set, small_model

PAIRS = 30
VALIDATION = SimpleNamespace(name="validation", chosen=np.arange(0, 10), rejected=np.arange(10, 20), pairs=range(10))
NAMES = ("visits", "mean_margin", "sd_margin", "last_margin", "confidence")


class Judged(pl.Callback):
    """Stands for the audits: something to choose a checkpoint by."""

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.log("val/validation/accuracy", 0.5)


class Killed(pl.Callback):
    """Dies right after the validation of a step."""

    def __init__(self, step: int | None) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise RuntimeError("killed")


def train(
    directory: Path, *, lr: float, steps: int = 6, resume: bool = False, killed_at: int | None = None, budget: int = 60
) -> dict[str, Dynamics]:
    pairs, scorer = pair_set(PAIRS), small_model()
    batch = BatchConfig(pairs=12, max_tokens=budget)
    plan = StepPlan(pairs.groups, batch, seed=0, fingerprint="", max_epochs=1, max_steps=steps)
    last = directory / "checkpoints" / LAST
    directory.mkdir(exist_ok=True)
    resumed = int(SafeCheckpointIO().load_checkpoint(last)["global_step"]) if resume else 0
    gather = GatherRewards({"validation": 20})
    file = directory / "checkpoints" / "validation_margins.npz"
    dynamics = TrainingDynamics(len(pairs), gather, VALIDATION, file=file, resume_step=resumed)  # type: ignore[arg-type]
    trainer = build_trainer(
        TrainerConfig(val_every=2, quiet=True),
        directory,
        total_steps=steps,
        steps_per_epoch=plan.steps_per_epoch,
        resume_step=resumed,
        first=[gather, Judged(), dynamics],
        loggers=[],
        validates=True,
        extra=[Killed(killed_at)],
    )
    module = RewardModule(scorer, loss=BradleyTerry(), optim=OptimConfig(lr=lr, weight_decay=0.0), total_steps=steps)
    store = SimpleNamespace(
        lengths=pairs.store.lengths[:20],
        completion_lengths=pairs.store.completion_lengths[:20],
        ids=pairs.store.ids,
    )
    with quiet_lightning():
        trainer.fit(module, PreferenceData(pairs, plan, {"validation": store}), ckpt_path=last if resume else None)  # type: ignore[dict-item]
    return dynamics.dynamics(trainer)


def rewards() -> np.ndarray:
    """The untrained model's reward of each sequence."""
    scorer, store = small_model(), pair_set(PAIRS).store
    with torch.no_grad():
        means = [scorer.backbone(torch.from_numpy(store.ids(i)).long()).mean(0) for i in range(40)]
        return scorer.head(torch.stack(means)).double().numpy()


@pytest.mark.parametrize("budget", [1, 60, 100_000])
def test_margins_are_those_of_the_model_under_each_pairs_own_number(tmp_path: Path, budget: int) -> None:
    found = train(tmp_path, lr=0.0, budget=budget)
    pairs, reward = pair_set(PAIRS), rewards()
    margins = reward[pairs.chosen] - reward[pairs.rejected]
    # Six steps of 12, 12 and 6 pairs are two passes.
    assert found["train"].visits.tolist() == [2] * PAIRS
    np.testing.assert_allclose(found["train"].mean_margin, margins, atol=1e-5)
    np.testing.assert_allclose(found["train"].last_margin, margins, atol=1e-5)
    np.testing.assert_allclose(found["train"].sd_margin, 0, atol=1e-3)
    assert found["validation"].visits.tolist() == [3] * 10
    np.testing.assert_allclose(found["validation"].mean_margin, reward[:10] - reward[10:20], atol=1e-5)


def test_a_margin_is_taken_before_the_step_that_learns_from_it(tmp_path: Path) -> None:
    found = train(tmp_path, lr=0.5, steps=1)["train"]
    pairs, reward = pair_set(PAIRS), rewards()
    seen = found.visits > 0
    assert seen.sum() == 12
    margins = reward[pairs.chosen] - reward[pairs.rejected]
    np.testing.assert_allclose(found.last_margin[seen], margins[seen], atol=1e-5)
    assert np.isnan(found.mean_margin[~seen]).all()


def test_a_killed_and_resumed_run_has_seen_what_an_uninterrupted_one_has(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", lr=0.1, steps=10)
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path / "killed", lr=0.1, steps=10, killed_at=5)
    # A validation after the checkpoint that is resumed from does not stay.
    resumed = train(tmp_path / "killed", lr=0.1, steps=10, resume=True)
    assert whole["validation"].visits.tolist() == [5] * 10
    for split in ("train", "validation"):
        for name in NAMES:
            np.testing.assert_array_equal(getattr(resumed[split], name), getattr(whole[split], name))


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "validation_margins.npz"
    file.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(RunError, match=r"validation_margins\.npz: damaged .* delete it"):
        TrainingDynamics(3, GatherRewards({}), VALIDATION, file=file, resume_step=4)  # type: ignore[arg-type]
