"""Train a reward model, audit it, and decide whether it may be optimised against."""

from __future__ import annotations

from rmx.config.entry import run_command
from rmx.config.schema import Config

__all__ = ["main"]


def task(config: Config) -> int:
    """Run the command; heavy imports wait until the configuration is known to be good."""
    if config.data.split.folds is not None and config.data.split.fold is None:
        from rmx.run.cross_fitting import cross_fit

        return cross_fit(config)
    from rmx.run.main_job import train

    return train(config)


def main() -> None:
    """Enter from the command line."""
    run_command("train", task)


if __name__ == "__main__":
    main()
