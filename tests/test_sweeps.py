"""Sweep files of W&B: expanded as its agent does, composed as the trial would, and one of them run."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from rmx.config.keys import schema_keys
from rmx.config.load import compose_config

SWEEPS = sorted((Path(__file__).parents[1] / "sweeps").glob("*.yaml"))
PLACES = ("low", "middle", "high")


def point(parameters: dict[str, Any], place: str) -> dict[str, Any]:
    """Return a trial: the first, middle or last of listed values, the same of a distribution's range."""
    return {key: _value(spec, place) for key, spec in parameters.items()}


def _value(spec: dict[str, Any], place: str) -> Any:
    if "values" in spec:
        values = spec["values"]
        return values[{"low": 0, "middle": len(values) // 2, "high": -1}[place]]
    low, high = spec["min"], spec["max"]
    middle = math.sqrt(low * high) if spec["distribution"] == "log_uniform_values" else (low + high) / 2
    return {"low": low, "middle": middle, "high": high}[place]


def expand(sweep: dict[str, Any], trial: dict[str, Any]) -> list[str]:
    """Return the command line that the agent starts for a trial, macros replaced as it does."""
    macros: dict[str, Any] = create_sweep_command_args({"args": {key: {"value": v} for key, v in trial.items()}})
    macros |= {"env": ["/usr/bin/env"], "interpreter": [sys.executable], "program": [sweep["program"]]}
    parts = [macros[part[2:-1]] if part.startswith("${") else [part] for part in create_sweep_command(sweep["command"])]
    return [word for part in parts for word in part]


def load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def test_both_sweeps_exist():
    assert [path.name for path in SWEEPS] == ["center_grid.yaml", "lr_bayes.yaml"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_trial_composes_to_its_values(path, place, tmp_path):
    sweep = load(path)
    trial = point(sweep["parameters"], place)
    command = expand(sweep, trial)
    assert command[:4] == ["/usr/bin/env", sys.executable, "-m", "rmx.train"]
    config = compose_config("train", command[4:], run=tmp_path)
    assert config.logger.kind == "wandb"
    for key, value in trial.items():
        node: Any = config
        for part in key.split("."):
            node = getattr(node, part)
        assert node == value


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_optimises_what_chooses_and_never_what_judges(path):
    sweep = load(path)
    assert sweep["metric"] == {"name": "val/validation/accuracy", "goal": "maximize"}
    assert set(sweep["parameters"]) <= set(schema_keys())
    assert (path.parents[1] / sweep["program"]).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_first_command_runs(path, tmp_path):
    sweep = load(path)
    command = expand(sweep, point(sweep["parameters"], "low"))
    small = ["model=tiny-random", "data.limit=600", "trainer.max_steps=2", "batch.pairs=8", "hydra.run.dir=run"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RMX_RUN")}
    environment |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    done = subprocess.run(
        [*command, *small], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert sweep["metric"]["name"] in header
    assert list((tmp_path / "run").glob("wandb/offline-run-*/*.wandb"))
