"""The two runs that are compared: trained here, each a main job of its own, or given as finished ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rmx.config.schema import Config
from rmx.errors import ConfigError, RunError
from rmx.run.child_runs import settings, train_child, written_settings
from rmx.run.finished import FinishedRun, find_run

__all__ = [
    "ArmRun",
    "differing_settings",
    "find_arm",
    "refuse_other_data",
    "refuse_other_pairs",
    "train_arm",
]

_OWN = ("decide.", "method")
"""Keys of `rmx.decide` that an arm must not repeat."""


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
    if run.ledger.get("folds"):
        raise ConfigError(f"decide.{method}: {path} is a cross-fit of several models; give a run of one")
    kind = run.config.get("method", {}).get("kind", "rm")
    if kind != method:
        raise ConfigError(f"decide.{method}: {path} was trained with method={kind}; give a run of method={method}")
    return ArmRun(method, run)


def train_arm(config: Config, method: str) -> ArmRun:
    """Train one method in a process of its own, in a directory of its own, unless it has been trained there already.

    Raises:
        RunError: It did not come to its end.
    """
    directory = Path(config.paths.run) / method
    own = getattr(config.decide, f"{method}_overrides")
    name, run_id = f"method={method}", f"{config.run_id}-{method}"
    train_child(directory, [name, *own], name=name, run_id=run_id, own=_OWN)
    return find_arm(directory, method)


def refuse_other_data(arm: ArmRun, config: Config) -> None:
    """Refuse to train beside a finished run on other data: what could not be compared need not be trained.

    Raises:
        ConfigError: A setting of the data differs.
    """
    mine, theirs = settings(config), written_settings(arm.run.config)
    for key in sorted(mine.keys() | theirs.keys()):
        if key.startswith("data.") and mine.get(key) != theirs.get(key):
            raise ConfigError(
                f"{key}: decide.{arm.method}={arm.path} was trained with {theirs.get(key)}, not {mine.get(key)}; give "
                "it as it was, for both must be trained on the same pairs"
            )


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
    mine, theirs = written_settings(one.run.config), written_settings(other.run.config)
    return {
        key: (str(mine.get(key)), str(theirs.get(key)))
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key) and not key.startswith(_METHOD_KEYS)
    }
