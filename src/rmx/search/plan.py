"""What a sweep file and a command line come to: how many trials, what each runs, and what is read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rmx.config import did_you_mean
from rmx.config.load import compose_config
from rmx.config.schema import Config
from rmx.errors import ConfigError
from rmx.search.method import Method, Told
from rmx.search.methods import build_method
from rmx.search.sweep_file import Metric, SweepFile, read_sweep_file
from rmx.search.trial_command import TrialCommand, key_of, trial_command

__all__ = ["Plan", "SweepSettings", "composed", "label", "make_plan"]

_CONF = Path(__file__).resolve().parents[1] / "conf"


@dataclass(frozen=True)
class SweepSettings:
    """The sweep's own keys of the command line, `sweep.*`."""

    trials: int | None = None
    """How many; null takes run_cap, or the whole grid."""
    seed: int = 0
    """Of random and bayes."""
    read: Literal["best", "last"] = "best"
    """Which value of the metric counts: the best of the run, whose checkpoint is exported, or its last."""

    def __post_init__(self) -> None:
        """Refuse a number of trials, or a seed, that is none."""
        if self.trials is not None and self.trials < 1:
            raise ValueError(f"trials {self.trials} is not at least 1")
        if self.seed < 0:
            raise ValueError(f"seed {self.seed} is not at least 0")


@dataclass(frozen=True)
class Plan:
    """A sweep that may begin."""

    file: SweepFile
    settings: SweepSettings
    method: Method
    command: TrialCommand
    count: int
    """Trials in all."""
    metric: Metric | None
    """Of the file, else what the first trial would monitor; None of a cross-fit, and of a program that is not of
    rmx."""

    def asked(self) -> Mapping[str, Any]:
        """Return what makes a sweep the same one when it goes on; it may have more trials than before."""
        named = self.file.metric
        return {
            "method": self.file.method,
            "parameters": self.file.parameters,
            "command": list(self.file.command),
            "overrides": list(self.command.extra),
            "metric": None if named is None else [named.name, named.goal],
            "sweep.seed": self.settings.seed,
            "sweep.read": self.settings.read,
        }

    def foreseen(self) -> Iterator[Mapping[str, Any]]:
        """Yield the values of the trials that depend on no result."""
        until = self.count if self.method.foreseen is None else min(self.count, self.method.foreseen)
        told: list[Told] = []
        return (self.method.propose(number, told).values for number in range(until))


def make_plan(file: Path, settings: SweepSettings, extra: Sequence[str], config_dirs: Sequence[str]) -> Plan:
    """Read a sweep file and work out its trials; the first is composed and checked.

    Args:
        file: The sweep file.
        settings: The sweep's own keys.
        extra: Overrides for every trial.
        config_dirs: The user's own configuration directories.

    Raises:
        ConfigError: The file, a macro, the number of trials, or the configuration of the first trial is wrong.
    """
    sweep = read_sweep_file(file)
    maximise = sweep.metric is None or sweep.metric.maximise
    try:
        method = build_method(sweep.method, sweep.space, seed=settings.seed, maximise=maximise)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    flags = [word for folder in config_dirs for word in ("--config-dir", str(Path(folder).absolute()))]
    command = trial_command(sweep.command, sweep.program, [*extra, *flags], list(sweep.space), str(file))
    caps = [cap for cap in (settings.trials or sweep.run_cap, method.size) if cap is not None]
    if not caps:
        raise ConfigError(f"{file}: method: {sweep.method} has no end; give run_cap in it, or sweep.trials=N here")
    plan = Plan(sweep, settings, method, command, min(caps), sweep.metric)
    config = composed(plan, next(plan.foreseen()), config_dirs)
    if config is not None and config.data.split.folds is not None and config.data.split.fold is None:
        # Its curves are those of the folds: what judges all pairs in the end is not for choosing.
        if plan.metric is not None:
            raise ConfigError(
                f"{file}: metric.name: a cross-fit writes no {plan.metric.name} that a sweep could optimise; leave "
                "data.split.folds out, or give a file without metric, whose table has the verdicts"
            )
        return plan
    return plan if plan.metric is not None or config is None else replace(plan, metric=_monitored(config))


def _monitored(config: Config) -> Metric:
    try:
        return Metric(config.trainer.monitor, "maximize" if config.trainer.mode == "max" else "minimize")
    except ValueError as error:
        raise ConfigError(f"trainer.monitor: {error}") from error


def composed(plan: Plan, values: Mapping[str, Any], config_dirs: Sequence[str]) -> Config | None:
    """Compose and check the configuration of a trial; None where another program than rmx is started.

    Raises:
        ConfigError: It is wrong; names the values.
    """
    started = plan.command.rmx_command(values)
    if started is None:
        return None
    name, words = started
    names = sorted(path.stem for path in _CONF.glob("*.yaml"))
    if name not in names:
        raise ConfigError(f"{plan.file.path}: command: no command rmx.{name}; {did_you_mean(name, names)}")
    overrides = [word for word in words if not key_of(word).startswith("hydra.")]
    if config_dirs:
        searched = ",".join(f"file://{Path(folder).absolute()}" for folder in config_dirs)
        overrides.append(f"hydra.searchpath=[{searched}]")
    try:
        return compose_config(name, overrides, run=Path("outputs"))
    except ConfigError as error:
        raise ConfigError(f"trial with {label(values)}: {error}") from error


def label(values: Mapping[str, Any]) -> str:
    """Return the values as messages name them."""
    return " ".join(f"{key}={value}" for key, value in values.items())
