"""A sweep file of W&B, read strictly: what a local run cannot honour is refused, not ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from rmx.config import build_strict
from rmx.errors import ConfigError
from rmx.search.parameter import Space, build_space

__all__ = ["Metric", "SweepFile", "read_sweep_file"]

_CHOOSES = "validation"


@dataclass(frozen=True)
class Metric:
    """What the sweep optimises: a column of metrics.csv."""

    name: str
    goal: Literal["maximize", "minimize"]
    target: float | None = None
    """Stop when a trial has reached it."""

    def __post_init__(self) -> None:
        """Refuse what judges: what is chosen by it could not be judged by it any more."""
        parts = self.name.split("/")
        slice_name = parts[1] if parts[0] == "val" and len(parts) > 1 else parts[-1]
        if parts[0] in ("val", "audit") and slice_name != _CHOOSES:
            raise ValueError(
                f"`{self.name}` is of {slice_name}, which judges; a sweep chooses by {_CHOOSES} alone, for example "
                "val/validation/accuracy"
            )

    @property
    def maximise(self) -> bool:
        """Whether more is better."""
        return self.goal == "maximize"

    @property
    def mode(self) -> str:
        """The goal in the words of `trainer.mode`."""
        return "max" if self.maximise else "min"

    def reached(self, value: float | None) -> bool:
        """Whether the target has been reached."""
        if self.target is None or value is None:
            return False
        return value >= self.target if self.maximise else value <= self.target


@dataclass(frozen=True)
class SweepFile:
    """What a local run needs of it."""

    path: Path
    method: str
    space: Space
    command: tuple[str, ...]
    program: str | None
    metric: Metric | None
    run_cap: int | None
    parameters: Mapping[str, Any]
    """As written, to tell whether a sweep that goes on is still the same."""


@dataclass(frozen=True)
class _Keys:
    """Every top-level key of W&B's schema; those of its server alone are read over."""

    method: Literal["grid", "random", "bayes"]
    parameters: Any
    command: list[Any]
    metric: Metric | None = None
    program: str | None = None
    run_cap: int | None = None
    early_terminate: Any = None
    name: Any = None
    description: Any = None
    project: Any = None
    entity: Any = None
    apiVersion: Any = None  # noqa: N815  W&B's spelling
    kind: Any = None
    controller: Any = None
    scheduler: Any = None

    def __post_init__(self) -> None:
        """Refuse what would be another search if it were left out."""
        if self.early_terminate is not None:
            raise ValueError(
                "early_terminate is not done locally, every trial runs to its end; take it out (trainer.patience stops "
                "a run that no longer improves), or use wandb agent"
            )
        if self.run_cap is not None and self.run_cap < 1:
            raise ValueError(f"run_cap {self.run_cap} is not at least 1")
        if self.method == "bayes" and self.metric is None:
            raise ValueError("method: bayes needs `metric`, with name and goal")


def read_sweep_file(path: Path) -> SweepFile:
    """Read and check a sweep file.

    Raises:
        ConfigError: It cannot be read, or holds what W&B's schema does not allow or a local run cannot honour.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give a sweep file of W&B") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no YAML ({error})") from None
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: expected the keys of a W&B sweep (method, parameters, …), got {content!r}")
    if "command" not in content:
        raise ConfigError(
            f"{path}: command: missing; W&B's default passes --key=value, which rmx does not read: write "
            'command: ["${env}", "${interpreter}", "-m", "rmx.train", "${args_no_hyphens}"]'
        )
    metric = content.get("metric")
    if isinstance(metric, Mapping) and "goal" not in metric:
        raise ConfigError(f"{path}: metric.goal: missing, and W&B would minimize; write maximize or minimize")
    keys = build_strict(_Keys, content, where=str(path))
    return SweepFile(
        path=path,
        method=keys.method,
        space=build_space(keys.parameters, str(path)),
        command=tuple(str(word) for word in keys.command),
        program=keys.program,
        metric=keys.metric,
        run_cap=keys.run_cap,
        parameters=keys.parameters,
    )
