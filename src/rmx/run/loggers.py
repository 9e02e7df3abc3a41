"""Loggers besides metrics.csv; none of them ever asks a question."""

from __future__ import annotations

import os
from pathlib import Path

from pytorch_lightning.loggers.logger import Logger

from rmx.config.redact import redacted
from rmx.config.schema import Config

__all__ = ["build_loggers"]


def build_loggers(config: Config, directory: Path) -> list[Logger]:
    """Return the configured loggers."""
    return [_wandb(config, directory)] if config.logger.kind == "wandb" else []


def _wandb(config: Config, directory: Path) -> Logger:
    """Return a W&B logger: online where a key is at hand, offline otherwise, never a prompt.

    The run id names the directory and, in a sweep, the job, so that a resumed run continues its curve.
    """
    import wandb
    from pytorch_lightning.loggers import WandbLogger

    # WANDB_MODE is what a user sets for every program; a key in netrc or the environment makes online possible.
    mode = config.logger.mode or os.environ.get("WANDB_MODE") or ("online" if wandb.api.api_key else "offline")
    os.environ["WANDB_MODE"] = mode
    return WandbLogger(
        project=config.logger.project,
        entity=config.logger.entity,
        name=config.logger.run_name or directory.name,
        id=config.run_id,
        resume="allow",
        save_dir=directory,
        offline=mode == "offline",
        tags=config.logger.tags or None,
        config=redacted(config),
    )
