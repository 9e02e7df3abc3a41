"""Draw fresh completions of prompts from a policy, streaming and resumable."""

from __future__ import annotations

from rmx.config.entry import run_command
from rmx.config.schema import Config

__all__ = ["main"]


def task(config: Config) -> int:
    """Run the command; heavy imports wait until the configuration is known to be good."""
    from rmx.run.sample_file import sample_file

    return sample_file(config)


def main() -> None:
    """Enter from the command line."""
    run_command("sample", task)


if __name__ == "__main__":
    main()
