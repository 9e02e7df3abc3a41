"""Prepare preference data: expand, validate, group, split, and account for every comparison."""

from __future__ import annotations

from rmx.config.entry import run_command
from rmx.config.schema import Config

__all__ = ["main"]


def task(config: Config) -> int:
    """Run the command; heavy imports wait until the configuration is known to be good."""
    from rmx.run.preparation import prepare_data

    return prepare_data(config)


def main() -> None:
    """Enter from the command line."""
    run_command("prepare", task)


if __name__ == "__main__":
    main()
