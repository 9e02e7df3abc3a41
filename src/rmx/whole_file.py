"""Files that appear whole or not at all: readers see the old one or the new one, never a part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rmx.errors import RunError

__all__ = ["whole_file", "write_jsonl", "write_text"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield where to write; it becomes `path` when the block ends, and is gone where the block fails.

    Raises:
        RunError: The file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if not isinstance(error, OSError):
            raise
        why = error.strerror or str(error)
        raise RunError(
            f"{path}: cannot be written ({why}); free the path or the disk, or choose another run directory"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file; a lone surrogate in someone's data is spelled out and costs nothing else."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line."""
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
