"""The way into every command: Hydra composes, the configuration is checked once, errors become one line."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rmx.config.load import CONFIG_MODULE, register, validated
from rmx.config.messages import config_error, one_line
from rmx.config.optional_groups import refuse_unknown_options
from rmx.config.overrides import as_meant
from rmx.config.schema import Config
from rmx.errors import ConfigError, RmxError

__all__ = ["exit_with", "run_command"]

Task = Callable[[Config], int | None]

_INTERRUPTED = 130
_VERDICTS = (3, 4)


def run_command(name: str, task: Task) -> NoReturn:
    """Run a command: compose `conf/NAME.yaml` with the command line, check it, call `task`, exit with its status.

    The status is what the task returned: None counts as 0; 3 and 4 are the gate's FAIL and INCONCLUSIVE.
    """
    exit_with(lambda: _composed(name, task))


def exit_with(job: Callable[[], int]) -> NoReturn:
    """Exit with the status that `job` returns, 1 after an error, 2 for a bad configuration, 130 after an interruption.

    An error prints one line; RMX_TRACEBACK=1 adds the traceback.
    """
    try:
        sys.exit(job())
    except KeyboardInterrupt:
        _explain(None, "interrupted")
        sys.exit(_INTERRUPTED)
    except RmxError as error:
        _explain(error, str(error))
        sys.exit(_status(error.exit_status))
    except Exception as error:  # the last resort of a command: nothing may end in a bare traceback
        hint = "" if _wants_traceback() else "; RMX_TRACEBACK=1 shows where"
        _explain(error, f"{type(error).__name__}: {error}{hint}")
        sys.exit(1)


def _composed(name: str, task: Task) -> int:
    """Let Hydra parse the command line and call the task; return its status."""
    given = sys.argv
    outcome: list[int | BaseException] = []

    def job(composed: DictConfig) -> None:
        # Lightning's children replay the command line: they get it as it was given, and quote for themselves.
        sys.argv = given
        try:
            outcome.append(_checked(composed, task))
        except Exception as error:  # raised again below: Hydra would print a line of its own
            outcome.append(error)

    register()
    # Hydra then raises its exceptions instead of printing them and exiting with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv = [given[0], *as_meant(given[1:])]
    try:
        hydra.main(version_base="1.3", config_path=f"pkg://{CONFIG_MODULE}", config_name=name)(job)()
    except (HydraException, OmegaConfBaseException) as error:
        raise config_error(error) from error
    except ValueError as error:  # flags that exclude each other
        raise ConfigError(one_line(str(error))) from error
    finally:
        sys.argv = given
    for result in outcome:  # none where Hydra only showed something, or swept
        if isinstance(result, BaseException):
            raise result
        return result
    return 0


def _checked(composed: DictConfig, task: Task) -> int:
    directory = Path(HydraConfig.get().runtime.output_dir)
    try:
        refuse_unknown_options(HydraConfig.get().overrides.task)
        config = validated(composed)
        os.environ["RMX_RUN_ID"] = config.run_id  # the other ranks of this job have the same one
        status = task(config) or 0
    finally:
        if not _rank():
            with suppress(OSError):
                directory.rmdir()  # nothing was written: Hydra's empty directory goes again
    return _status(status)


def _status(status: int) -> int:
    """Return the exit status of this process in a job that ends with `status`.

    A rank that exits with another status than 0 is a crash to those who started it; rank 0 brings the verdict, and says
    that the job was interrupted.
    """
    return 0 if _rank() and status in (*_VERDICTS, _INTERRUPTED) else status


def _rank() -> int:
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


def _wants_traceback() -> bool:
    return os.environ.get("RMX_TRACEBACK") == "1"


def _explain(error: Exception | None, message: str) -> None:
    if error is not None and _wants_traceback():
        traceback.print_exception(error)
    rank = f" (rank {_rank()})" if _rank() else ""
    print(f"error{rank}: {one_line(message)}", file=sys.stderr)
