"""Score slices with a finished run or any reward-model directory, then audit, gate and report."""

from __future__ import annotations

from rmx.config.entry import run_command
from rmx.config.schema import Config

__all__ = ["main"]


def task(config: Config) -> int:
    """Run the command; heavy imports wait until the configuration is known to be good."""
    from rmx.run.evaluation import evaluate

    return evaluate(config)


def main() -> None:
    """Enter from the command line."""
    run_command("evaluate", task)


if __name__ == "__main__":
    main()
