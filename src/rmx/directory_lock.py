"""A directory that one job at a time may use, held until the process ends."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from rmx.errors import RunError

__all__ = ["lock_directory"]


def lock_directory(path: Path) -> None:
    """Make the directory and hold it for this process.

    Raises:
        RunError: Another job holds it, or it cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / ".lock")
        lock.acquire(blocking=False)
    except Timeout:
        raise RunError(f"{path}: another job is running in this directory; choose another hydra.run.dir") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}); choose another hydra.run.dir") from error
    _HELD.append(lock)


_HELD: list[FileLock] = []
"""Locks live as long as the process: a garbage-collected one would free the directory."""
