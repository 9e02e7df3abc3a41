"""Compare an explicit reward model with DPO on the same pairs and budget, and recommend one."""

from __future__ import annotations

from rmx.config.entry import run_command
from rmx.config.schema import Config

__all__ = ["main"]


def task(config: Config) -> int:
    """Run the command; heavy imports wait until the configuration is known to be good."""
    from rmx.run.deciding import decide_method

    return decide_method(config)


def main() -> None:
    """Enter from the command line."""
    run_command("decide", task)


if __name__ == "__main__":
    main()
