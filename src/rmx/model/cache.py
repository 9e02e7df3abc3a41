"""Directories of the cache that are built once, by one process at a time, and appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from rmx.errors import ModelError

__all__ = ["build_once", "default_cache", "replace_directory"]


def default_cache() -> Path:
    """Return the directory that `paths.cache` has unless it is set: RMX_CACHE, else ~/.cache/rmx."""
    return Path(os.environ.get("RMX_CACHE") or "~/.cache/rmx").expanduser()


def build_once(target: Path, build: Callable[[Path], None]) -> Path:
    """Return `target`, filled by `build` if it is not there yet.

    Other processes wait; a kill leaves nothing under the final name.

    Args:
        target: The directory that the caller wants.
        build: Fills an empty directory given to it.

    Raises:
        ModelError: The cache cannot be written.
    """
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if target.is_dir():
                return target
            with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
                filled = Path(scratch) / "filled"
                filled.mkdir()
                build(filled)
                filled.rename(target)
    except OSError as error:
        raise ModelError(
            f"{target}: the cache cannot be written ({error.strerror or error}); "
            "free some space, or set RMX_CACHE or paths.cache to a writable directory"
        ) from error
    return target


def replace_directory(target: Path, fill: Callable[[Path], None]) -> None:
    """Write a directory beside `target` and rename it there, replacing what stood in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        filled = Path(scratch) / "filled"
        filled.mkdir()
        fill(filled)
        if target.exists():
            target.rename(Path(scratch) / "replaced")
        filled.rename(target)
