"""Main jobs that another job starts, each in a process and a directory of its own, with its settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig

from rmx.child_process import run_child
from rmx.config.keys import leaves
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.errors import RunError
from rmx.run.directory import RunDirectory

__all__ = ["refuse_other_settings", "settings", "train_child", "written_settings"]

_OWN = ("task", "run_id", "hydra.run.dir", "paths.run", "gate.enforce")
"""Keys of the job that starts others, which these must not repeat."""
_ELSEWHERE = (
    *("decide.needs", "decide.material", "decide.memory_gib", "run_id", "paths", "environment"),
    *("data.split.final", "batch.layout", "trainer.resume", "trainer.threads", "trainer.quiet", "gate", "logger"),
)
"""Keys in which a continued job may differ: what is trained and scored does not depend on them."""


def train_child(directory: Path, overrides: Sequence[str], *, name: str, run_id: str, own: Sequence[str]) -> None:
    """Run `rmx.train` to its end with what this job was told, unless it came to its end there already.

    Args:
        directory: Where the main job goes.
        overrides: What it is told besides.
        name: What messages call it.
        run_id: Its id.
        own: Beginnings of keys that this job was told and that one is not.

    Raises:
        RunError: It did not come to its end.
    """
    if RunDirectory(directory).report.exists():  # written last
        print(f"{name}: finished before, {directory}", flush=True)
        return
    print(f"{name}: {directory}", flush=True)
    command = [sys.executable, "-m", "rmx.train", *_flags(), *_shared_overrides(own), *overrides]
    status, error = run_child([*command, f"hydra.run.dir={directory}"], {**os.environ, "RMX_RUN_ID": run_id})
    if status:
        raise RunError(f"{name} ended with exit status {status}: {error or 'no message'}")


def refuse_other_settings(config: Config, begun: Mapping[str, Any]) -> None:
    """Refuse to continue a job of several that was begun with other settings of what is trained.

    Args:
        config: What is asked for now.
        begun: config.yaml of the directory, as it was written before.

    Raises:
        RunError: One of them differs.
    """
    mine, theirs = settings(config), written_settings(begun)
    for key in sorted(mine.keys() | theirs.keys()):
        if mine.get(key) != theirs.get(key) and not key.startswith(_ELSEWHERE):
            raise RunError(
                f"{config.paths.run}: was begun with {key}={theirs.get(key)}, not {mine.get(key)}; give {key} as it "
                "was, or choose another hydra.run.dir"
            )


def settings(config: Config) -> dict[str, Any]:
    """Return the settings by dotted key, as config.yaml would have them."""
    return dict(leaves(yaml.safe_load(yaml.safe_dump(redacted(config)))))


def written_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a config.yaml by dotted key; a key that is younger than the file had its default."""
    return {**settings(Config()), **dict(leaves(content))}


def _shared_overrides(own: Sequence[str]) -> list[str]:
    given = HydraConfig.get().overrides
    return [o for o in (*given.hydra, *given.task) if not _key(o).startswith((*_OWN, *own))]


def _flags() -> list[str]:
    sources = HydraConfig.get().runtime.config_sources
    folders = [s.path.removeprefix("file://") for s in sources if s.provider == "command-line"]
    return [flag for folder in folders for flag in ("--config-dir", folder)]


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")
