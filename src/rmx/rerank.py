"""Choose the best of n completions by a reward, streaming and resumable."""

from __future__ import annotations

from rmx.config.entry import run_command
from rmx.config.schema import Config

__all__ = ["main"]


def task(config: Config) -> int:
    """Run the command; heavy imports wait until the configuration is known to be good."""
    from rmx.run.rerank_file import rerank_file

    return rerank_file(config)


def main() -> None:
    """Enter from the command line."""
    run_command("rerank", task)


if __name__ == "__main__":
    main()
