"""A directory that one job at a time may use."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from rmx.errors import RunError

__all__ = ["lock_directory"]


def lock_directory(path: Path) -> FileLock:
    """Make the directory and return the lock on it, which holds until it is released, collected, or its process ends.

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
    return lock
