"""Texts of benchmarks that are not scored here but must not have been trained on."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rmx.config.strict import build_strict
from rmx.data.contamination.search import Item
from rmx.data.expand.adapter import UnusableCell, prompt_turns
from rmx.data.files import expand_paths, file_rows
from rmx.data.text import opening_turn
from rmx.domain import Origin
from rmx.errors import ConfigError, DataError

__all__ = ["BenchmarkSpec", "read_benchmarks"]


@dataclass(frozen=True)
class BenchmarkSpec:
    """One entry of `data.benchmarks`."""

    path: Any
    """A file, a list of files or a glob, as `data.path`."""
    prompt: str | list[str] = "prompt"
    """Column of the prompt (text or messages), or columns that are joined to one."""
    responses: list[str] = field(default_factory=list)
    """Columns of answers: a text, a list of texts, or messages."""
    id: str | None = None
    """Column of the id; without one, the name of the benchmark and the row number."""


def read_benchmarks(nodes: Mapping[str, Any], *, taken: Container[str] = ()) -> dict[str, list[Item]]:
    """Return the items of every benchmark by its name.

    Raises:
        ConfigError: unknown parameters, or a name that is `taken`.
        DataError: a file cannot be read, or a row lacks a column or holds no text in it.
    """
    found: dict[str, list[Item]] = {}
    for name, node in nodes.items():
        where = f"data.benchmarks.{name}"
        if name in taken:
            raise ConfigError(f"{where}: a split or slice has this name; give the benchmark another")
        spec = build_strict(BenchmarkSpec, node, where=where)
        try:
            rows = (row for file in expand_paths(spec.path) for row in file_rows(file))
            found[name] = [_item(name, spec, origin, row) for origin, row in rows]
        except (ConfigError, DataError) as error:
            raise type(error)(f"{where}: {error}") from None
        if not found[name]:
            raise DataError(f"{where}: {spec.path} holds no rows; name another file or leave the benchmark out")
    return found


def _item(name: str, spec: BenchmarkSpec, origin: Origin, row: Mapping[str, Any]) -> Item:
    columns = [*([spec.prompt] if isinstance(spec.prompt, str) else spec.prompt), *spec.responses]
    missing = [column for column in (*columns, *([spec.id] if spec.id else ())) if column not in row]
    if missing:
        raise DataError(
            f"{origin.file} row {origin.row}: no column {missing[0]!r}; it has {', '.join(map(str, row))}: "
            f"set data.benchmarks.{name}.prompt, responses and id to columns of it"
        )
    try:
        prompt = prompt_turns(origin, row, spec.prompt)
        responses = tuple(text for column in spec.responses for text in _texts(row[column], column))
    except UnusableCell as cell:
        raise DataError(f"{origin.file} row {origin.row}: {cell}; mend the row or name another column") from None
    number = f"{name}-{origin.row}" if spec.id is None else str(row[spec.id])
    return Item(number, number, opening_turn(prompt), tuple(m.content for m in prompt), responses)


def _texts(cell: Any, column: str) -> Iterator[str]:
    if isinstance(cell, str):
        yield cell
    elif isinstance(cell, Mapping) and isinstance(cell.get("content"), str):
        yield cell["content"]
    elif isinstance(cell, list | tuple):
        for part in cell:
            yield from _texts(part, column)
    elif cell is not None:
        raise UnusableCell("invalid_text", f"column {column!r} holds a {type(cell).__name__}, not text")
