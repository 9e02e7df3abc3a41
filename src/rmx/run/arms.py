"""The two runs that are compared: trained here, each a main job of its own, or given as finished ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra.core.hydra_config import HydraConfig

from rmx.child_process import run_child
from rmx.config.keys import leaves
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.errors import ConfigError, RunError
from rmx.run.directory import RunDirectory
from rmx.run.finished import FinishedRun, find_run

__all__ = ["ArmRun", "differing_settings", "find_arm", "refuse_other_pairs", "train_arm"]

_OWN = ("decide.", "task", "run_id", "hydra.run.dir", "method", "paths.run", "gate.enforce")
"""Keys of `rmx.decide` that a main job must not repeat."""


@dataclass(frozen=True)
class ArmRun:
    """A finished run of one method."""

    method: str
    run: FinishedRun

    @property
    def path(self) -> Path:
        """Its directory."""
        return self.run.directory.path


def find_arm(path: Path, method: str) -> ArmRun:
    """Return the finished run at `path`.

    Raises:
        ConfigError: It is no finished run, or one of another method.
    """
    run = find_run(path)
    if run is None:
        raise ConfigError(f"decide.{method}: {path} is no finished run; give the directory of one, or leave it out")
    kind = run.config.get("method", {}).get("kind", "rm")
    if kind != method:
        raise ConfigError(f"decide.{method}: {path} was trained with method={kind}; give a run of method={method}")
    return ArmRun(method, run)


def train_arm(config: Config, method: str) -> ArmRun:
    """Train one method in a process of its own, in a directory of its own, unless it has been trained there already.

    Raises:
        RunError: It did not come to its end, or did so before with other settings.
    """
    directory = Path(config.paths.run) / method
    own = getattr(config.decide, f"{method}_overrides")
    if RunDirectory(directory).report.exists():  # written last
        arm = find_arm(directory, method)
        _refuse_other_settings(arm, config, own)
        print(f"method={method}: finished before, {directory}", flush=True)
        return arm
    print(f"method={method}: {directory}", flush=True)
    command = [sys.executable, "-m", "rmx.train", *_flags(), *_shared_overrides(), f"method={method}", *own]
    environment = {**os.environ, "RMX_RUN_ID": f"{config.run_id}-{method}"}
    status, error = run_child([*command, f"hydra.run.dir={directory}"], environment)
    if status:
        raise RunError(f"method={method} ended with exit status {status}: {error or 'no message'}")
    return find_arm(directory, method)


_ELSEWHERE = (*_OWN, "environment", "batch.layout", "trainer.resume", "audit", "gate", "logger", "callbacks", "paths")
"""Keys in which a finished main job may differ from the command that wants it: nothing is trained by them."""


def _refuse_other_settings(arm: ArmRun, config: Config, own: Sequence[str]) -> None:
    """Refuse to go on with a run that was finished under other settings than are asked for now."""
    mine = dict(leaves(yaml.safe_load(yaml.safe_dump(redacted(config)))))
    theirs = dict(leaves(arm.run.config))
    apart = (*_ELSEWHERE, *map(_key, own))
    for key in sorted(mine.keys() & theirs.keys()):
        if mine[key] != theirs[key] and not key.startswith(apart):
            raise RunError(
                f"{arm.path}: was finished with {key}={theirs[key]}, not {mine[key]}; give {key} as it was, or choose "
                "another hydra.run.dir"
            )


def _shared_overrides() -> list[str]:
    given = HydraConfig.get().overrides
    return [o for o in (*given.hydra, *given.task) if not _key(o).startswith(_OWN)]


def _flags() -> list[str]:
    sources = HydraConfig.get().runtime.config_sources
    folders = [s.path.removeprefix("file://") for s in sources if s.provider == "command-line"]
    return [flag for folder in folders for flag in ("--config-dir", folder)]


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


_METHOD_KEYS = ("method", "decide", "task", "run_id", "paths", "environment", "model.head_init", "optim.head_lr")
"""What two methods need not share, or cannot."""


def refuse_other_pairs(one: ArmRun, other: ArmRun) -> None:
    """Refuse two runs that were not trained and judged on the same pairs.

    Raises:
        RunError: Their data or split differ.
    """
    for what in ("data", "split"):
        mine, theirs = one.run.fingerprints.get(what), other.run.fingerprints.get(what)
        if mine != theirs:
            raise RunError(
                f"{one.path} and {other.path}: their {what} differs (fingerprints {mine}, {theirs}), so that nothing "
                "would be told about the method; train both on the same data and split"
            )


def differing_settings(one: ArmRun, other: ArmRun) -> dict[str, tuple[str, str]]:
    """Return the keys in which two runs were configured otherwise, the method's own apart, with both values."""
    mine, theirs = dict(leaves(one.run.config)), dict(leaves(other.run.config))
    return {
        key: (str(mine.get(key)), str(theirs.get(key)))
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key) and not key.startswith(_METHOD_KEYS)
    }
