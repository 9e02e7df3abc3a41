"""The sweep files: of W&B's schema, expanded as its agent and as rmx.sweep do, composed, and the first trial run."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.preloaded import run_module
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from rmx.config.keys import schema_keys
from rmx.config.load import compose_config
from rmx.search.plan import SweepSettings, make_plan
from rmx.search.sweep_file import read_sweep_file

SCHEMA = Path(__file__).parent / "wandb_sweep_schema" / "schema.json"
SWEEPS = sorted((Path(__file__).parents[1] / "sweeps").glob("*.yaml"))
PLACES = ("low", "middle", "high")


def point(path: Path, place: str) -> dict[str, Any]:
    """Return a trial at the lower end, in the middle or at the upper end of every parameter."""
    u = {"low": 0.0, "middle": 0.5, "high": 1.0}[place]
    return {key: distribution.at(u) for key, distribution in read_sweep_file(path).space.items()}


def expand(sweep: dict[str, Any], trial: dict[str, Any]) -> list[str]:
    """Return the command line that the agent starts for a trial, macros replaced as it does."""
    macros: dict[str, Any] = create_sweep_command_args({"args": {key: {"value": v} for key, v in trial.items()}})
    macros |= {"env": ["/usr/bin/env"], "interpreter": [sys.executable], "program": [sweep["program"]]}
    parts = [macros[part[2:-1]] if part.startswith("${") else [part] for part in create_sweep_command(sweep["command"])]
    return [word for part in parts for word in part]


def load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def test_the_sweeps_that_the_documentation_promises_exist(repository):
    page = (repository / "docs" / "sweeps.md").read_text()
    assert SWEEPS
    assert {path.name for path in SWEEPS} == set(re.findall(r"`(\w+\.yaml)`", page))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_it_is_a_sweep_to_wandb(path):
    jsonschema.validate(load(path), json.loads(SCHEMA.read_text()), cls=jsonschema.Draft7Validator)


def test_the_schema_refuses_what_is_none():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"method": "grid", "parameters": {"a": {"vales": [1]}}}, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_trial_composes_to_its_values(path, place, tmp_path):
    sweep = load(path)
    trial = point(path, place)
    command = expand(sweep, trial)
    assert command[:4] == ["/usr/bin/env", sys.executable, "-m", "rmx.train"]
    config = compose_config("train", command[4:], run=tmp_path)
    assert config.logger.kind == "wandb"
    for key, value in trial.items():
        node: Any = config
        for part in key.split("."):
            node = getattr(node, part)
        assert node == (yaml.safe_load(value) if isinstance(value, str) else value)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_optimises_what_chooses_and_never_what_judges(path):
    sweep = load(path)
    assert sweep["metric"] == {"name": "val/validation/accuracy", "goal": "maximize"}
    assert set(sweep["parameters"]) <= set(schema_keys())
    assert (path.parents[1] / sweep["program"]).is_file()


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_local_sweep_starts_what_the_agent_starts(path, repository, monkeypatch):
    monkeypatch.chdir(repository)
    plan = make_plan(path, SweepSettings(), ["logger=wandb"], [])
    first = next(iter(plan.foreseen()))
    assert sorted(plan.command.line(first)) == sorted(expand(load(path), first))
    seeds = plan.file.parameters.get("seed", {"values": [0]})["values"]
    assert plan.count <= 20
    assert plan.count % len(seeds) == 0


@pytest.mark.slow
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_first_command_runs(path, tmp_path):
    sweep = load(path)
    _, _, _, module, *overrides = expand(sweep, point(path, "low"))
    small = ["model=tiny-random", "data.limit=300", "data.split.validation=0.2", "data.split.heldout=0.2"]
    small += ["trainer.max_steps=2", "batch.pairs=8", "trainer.threads=1", "hydra.run.dir=run"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RMX_RUN")}
    environment |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    done = run_module(module, *overrides, *small, cwd=tmp_path, environment=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert sweep["metric"]["name"] in header
    assert list((tmp_path / "run").glob("wandb/offline-run-*/*.wandb"))
