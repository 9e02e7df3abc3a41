"""A Lightning trainer from the configuration: devices, rhythm, checkpoints, loggers, progress."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.strategies import DDPStrategy, Strategy

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.curve import TrainingCurve
from rmx.callbacks.interruption import Interruption
from rmx.callbacks.last_validation import LastValidation
from rmx.callbacks.metrics_file import MetricsFile
from rmx.callbacks.progress import TrainingProgress
from rmx.config.schema import TrainerConfig
from rmx.run.cluster import slurm_environment
from rmx.run.sharded_strategy import ShardedStrategy

__all__ = ["BEST", "LAST", "build_trainer", "quiet_lightning"]

LAST = "last.ckpt"
BEST = "best.ckpt"


def build_trainer(
    config: TrainerConfig,
    directory: Path,
    *,
    total_steps: int,
    steps_per_epoch: int,
    resume_step: int,
    first: Sequence[pl.Callback],
    loggers: Sequence[Logger],
    validates: bool,
    extra: Sequence[pl.Callback] = (),
) -> pl.Trainer:
    """Return a trainer whose one Lightning epoch is the whole run, so that steps alone measure time.

    Args:
        config: Devices, length and rhythm.
        directory: The run directory; checkpoints and metrics.csv go there.
        total_steps: Optimiser steps of the run.
        steps_per_epoch: Optimiser steps in one pass over the pairs, the default rhythm of validation.
        resume_step: The step that training continues from; 0 for a fresh run.
        first: Callbacks that gather and judge a validation, before anything reads its metrics.
        loggers: Loggers besides metrics.csv.
        validates: Whether there is a validation slice, which alone can choose a checkpoint.
        extra: Callbacks from the configuration.

    Raises:
        RunError: SLURM started other processes than the configuration says.
    """
    slurm = slurm_environment(config.devices, config.num_nodes)
    curve = TrainingCurve(config.log_every)
    rhythm = min(config.val_every or steps_per_epoch, total_steps)
    checkpoints = directory / "checkpoints"
    callbacks = [
        *first,
        curve,
        TrainingProgress(curve, monitor=config.monitor, quiet=config.quiet),
        LastValidation(),
        *_selection(config, checkpoints, config.save_every or rhythm, validates=validates),
        Interruption(checkpoints / LAST),
        *extra,
    ]
    return pl.Trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=_strategy(config),
        precision=config.precision,  # type: ignore[arg-type]
        max_steps=total_steps,
        max_epochs=-1,
        val_check_interval=rhythm,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        limit_val_batches=None if validates else 0,
        use_distributed_sampler=False,
        logger=[MetricsFile(directory / "metrics.csv", resume_step=resume_step), *loggers],
        log_every_n_steps=config.log_every,
        callbacks=callbacks,
        plugins=[SafeCheckpointIO(), *([slurm] if slurm else [])],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=True,
        default_root_dir=directory,
    )


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence what Lightning says of choices that are made on purpose here, and its advertisements."""
    known = (
        r".*treespec, LeafSpec.*",
        r"Found \d+ module\(s\) in eval mode",  # a frozen trunk and dropout 0
        r"Using ModelCheckpoint with manual optimization",  # checkpoints are of the weights after the step
        r".*does not have many workers",  # batches are slices of a memory map
        r"Total length of .* across ranks is zero",
        r"It is recommended to use `self\.log\(.*sync_dist=True",  # rank 0's conclusions were broadcast
        r"FSDP2-wrapped module .* returned a view tensor",  # nothing is changed in place
    )
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in known:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)


def _strategy(config: TrainerConfig) -> str | Strategy:
    if config.strategy == "auto":
        return config.strategy
    backend = "gloo" if config.accelerator == "cpu" else "nccl"
    if config.strategy == "fsdp":
        return ShardedStrategy(config.devices * config.num_nodes, backend=backend)
    # Every trained parameter takes part in every backward, so nothing has to be searched for.
    return DDPStrategy(process_group_backend=backend, find_unused_parameters=False, broadcast_buffers=False)


def _selection(config: TrainerConfig, directory: Path, every: int, *, validates: bool) -> list[pl.Callback]:
    """Return what keeps the best and the last checkpoint, and what stops early."""
    last = ModelCheckpoint(
        dirpath=directory, filename=LAST.removesuffix(".ckpt"), enable_version_counter=False, every_n_train_steps=every
    )
    if not validates:
        return [last]
    best = ModelCheckpoint(
        dirpath=directory,
        filename=BEST.removesuffix(".ckpt"),
        monitor=config.monitor,
        mode=config.mode,
        save_top_k=1,
        save_on_train_epoch_end=False,
        enable_version_counter=False,
    )
    callbacks: list[pl.Callback] = [best, last]
    if config.patience is not None:
        callbacks.append(
            EarlyStopping(config.monitor, mode=config.mode, patience=config.patience, check_on_train_epoch_end=False)
        )
    return callbacks
