"""From Hydra's composed configuration to a plain, checked `Config`: once, and nothing of OmegaConf goes further."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rmx.config.keys import PATH_KEYS
from rmx.config.messages import config_error
from rmx.config.optional_groups import refuse_unknown_options
from rmx.config.overrides import as_meant
from rmx.config.redact import environment_texts
from rmx.config.rules import check
from rmx.config.schema import Config

__all__ = ["CONFIG_MODULE", "compose_config", "register", "run_id", "validated"]

CONFIG_MODULE = "rmx.conf"
_STARTED = datetime.now()


def run_id() -> str:
    """Return RMX_RUN_ID, else the time at which this process began, to the millisecond: fixed once per job.

    The tasks of a SLURM job step begin at different times: theirs is the job's number, which outlives requeueing, and
    the step's.
    """
    if given := os.environ.get("RMX_RUN_ID"):
        return given
    if int(os.environ.get("SLURM_NTASKS", "1")) > 1 and "SLURM_JOB_ID" in os.environ:
        return f"slurm-{os.environ['SLURM_JOB_ID']}-{os.environ.get('SLURM_STEP_ID', '0')}"
    return _STARTED.strftime("%Y%m%d-%H%M%S-%f")[:-3]


def register() -> None:
    """Make the schema and the resolver of `run_id` known to Hydra; may be called again at will."""
    ConfigStore.instance().store(name="schema", node=Config, provider="rmx")
    # Hydra's --help copies its whole store for each of 130 config groups, two thirds of its time. There is one store in
    # a process, and what is loaded from it is copied anyway.
    ConfigStore.__deepcopy__ = lambda self, _: self  # type: ignore[attr-defined]
    OmegaConf.register_new_resolver("rmx_run_id", run_id, replace=True)


def validated(config: DictConfig) -> Config:
    """Return the composed configuration as plain dataclasses, dicts and lists, checked in full.

    The resolved values are merged into a fresh schema: what `+key=value` or `++key=value` slipped past Hydra is found.

    Raises:
        ConfigError: A missing value, an unknown key, a wrong type, a value out of range, or a broken rule between keys.
    """
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        plain = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), values))
        environment = environment_texts(config)
    except OmegaConfBaseException as error:
        raise config_error(error) from error
    assert isinstance(plain, Config)  # noqa: S101  what to_object makes of a structured Config
    plain.environment = environment
    _expand_home(plain)
    check(plain)
    return plain


def compose_config(name: str, overrides: Sequence[str] = (), *, run: Path) -> Config:
    """Compose and check the configuration of a command from Python, without running anything.

    Args:
        name: The command, for example `train`.
        overrides: As on the command line.
        run: The run directory that `paths.run` shall name.

    Raises:
        ConfigError: As `validated`, and overrides that Hydra refuses.
    """
    register()
    try:
        with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
            meant = as_meant([*overrides, f"paths.run={run}"])
            composed = compose(name, meant)
            refuse_unknown_options(meant)
    except (HydraException, OmegaConfBaseException) as error:
        raise config_error(error) from error
    return validated(composed)


def _expand_home(config: Config) -> None:
    """Replace a leading ~ in path-valued keys, which shells leave alone behind `key=`."""
    for key in PATH_KEYS:
        *groups, name = key.split(".")
        node: Any = config
        for group in groups:
            node = getattr(node, group, None)
        value = getattr(node, name, None)
        if isinstance(value, str):
            setattr(node, name, _at_home(value))
        elif isinstance(value, list):
            setattr(node, name, [_at_home(item) if isinstance(item, str) else item for item in value])


def _at_home(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path
