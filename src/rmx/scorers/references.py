"""Reference answers by prompt, from files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rmx.data.files import expand_paths, file_rows
from rmx.errors import DataError
from rmx.score_table import prompt_id
from rmx.scorers.prompts import as_prompt

__all__ = ["References", "read_references"]


@dataclass(frozen=True, kw_only=True)
class References:
    """A row has a prompt (text or messages) and what its answers are held against.

    They belong to prompts and not to pairs, so that samples and edited answers have theirs too.
    """

    path: Any
    """File, list of files or glob: JSONL, CSV or Parquet."""
    prompt: str = "prompt"
    """Column of the prompt."""
    reference: str = "reference"
    """Column of the reference."""


def read_references(spec: References, where: str) -> dict[str, str]:
    """Return the references by the id of their prompt.

    Args:
        spec: Files and columns.
        where: The key of `spec`, for messages.

    Raises:
        DataError: A row lacks one of the columns, or two rows of a prompt differ.
    """
    found: dict[str, str] = {}
    for file in expand_paths(spec.path):
        for origin, row in file_rows(file):
            value = row.get(spec.reference)
            if value is None:
                raise DataError(
                    f"{origin.file} row {origin.row}: no {spec.reference!r}; it has {', '.join(map(str, row))}; "
                    f"mend the row or set {where}.reference"
                )
            key = prompt_id(as_prompt(row, spec.prompt, origin))
            if found.setdefault(key, str(value)) != str(value):
                raise DataError(
                    f"{origin.file} row {origin.row}: its prompt had another reference before; keep one of them"
                )
    return found
