"""Audit and gate a score table; torch is never imported."""

from __future__ import annotations

from rmx.config.entry import run_command
from rmx.config.schema import Config

__all__ = ["main"]


def task(config: Config) -> int:
    """Run the command; heavy imports wait until the configuration is known to be good."""
    from rmx.run.audit_scores import audit_scores

    return audit_scores(config)


def main() -> None:
    """Enter from the command line."""
    run_command("audit", task)


if __name__ == "__main__":
    main()
