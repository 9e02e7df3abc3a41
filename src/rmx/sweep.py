"""Run a sweep file of W&B on this machine: grid, random or bayes, one fresh process a trial, resumable."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import yaml

from rmx.config import build_strict
from rmx.config.entry import exit_with
from rmx.config.load import run_id
from rmx.errors import ConfigError
from rmx.search.plan import Plan, SweepSettings, composed, label, make_plan
from rmx.search.running import run_trials

__all__ = ["main"]

_USAGE = "python -m rmx.sweep FILE [KEY=VALUE ...] [--dry-run] [--config-dir DIR]"
_HELP = """\
FILE is a sweep file of W&B, as in sweeps/. Each KEY=VALUE is given to every trial, but for:
  sweep.trials=N           trials in all; else run_cap of the file, or the whole grid
  sweep.seed=N             of random and bayes (0)
  sweep.read=best|last     which value of the metric counts (best)
  hydra.run.dir=DIR        the sweep's directory (outputs/sweep/RUN_ID); one that holds this sweep goes on
docs/sweeps.md has what of W&B's files is understood, and the other ways to sweep."""


class _Parser(argparse.ArgumentParser):
    """argparse with errors in one line."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; usage: {_USAGE}")


def sweep(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    parser = _Parser(prog="rmx.sweep", usage=_USAGE, description=__doc__, epilog=_HELP, allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*")
    parser.add_argument("--dry-run", action="store_true", help="list the trials, each composed and checked; run none")
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR", help="your own config groups")
    given = parser.parse_intermixed_args(arguments)
    own, directory, extra = _sorted(given.overrides)
    plan = make_plan(given.file, build_strict(SweepSettings, own, where="sweep"), extra, given.config_dir)
    if plan.command.without_wandb:
        print(f"logger=wandb of {given.file} is logger=csv here; give logger=wandb to have it", flush=True)
    if given.dry_run:
        return _show(plan, given.config_dir)
    return run_trials(plan, directory or Path("outputs") / "sweep" / run_id())


def _sorted(overrides: Sequence[str]) -> tuple[dict[str, object], Path | None, list[str]]:
    """Return the sweep's own settings, its directory if one is named, and what every trial is given."""
    own: dict[str, object] = {}
    directory, extra = None, []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals and not override.startswith("~"):
            raise ConfigError(f"{override}: expected KEY=VALUE; usage: {_USAGE}")
        if key == "hydra.run.dir":
            directory = Path(value)
        elif key.startswith("sweep."):
            own[key.removeprefix("sweep.")] = yaml.safe_load(value)
        else:
            extra.append(override)
    return own, directory, extra


def _show(plan: Plan, config_dirs: Sequence[str]) -> int:
    shown = 0
    for number, values in enumerate(plan.foreseen()):
        composed(plan, values, config_dirs)
        if not number:
            print(f"command: {' '.join(plan.command.line(values))}")
        print(f"trial {number}: {label(values)}")
        shown += 1
    later = plan.count - shown
    print(f"trials: {plan.count}" + (f", {later} of them chosen by what the others find" if later else ""))
    return 0


def main() -> None:
    """Enter from the command line."""
    exit_with(lambda: sweep(sys.argv[1:]))


if __name__ == "__main__":
    main()
