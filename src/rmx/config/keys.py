"""The dotted keys of the schema: which exist, which are open, which hold paths."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_origin, get_type_hints

from rmx.config.schema import Config

__all__ = ["PATH_KEYS", "is_path_key", "leaves", "open_keys", "renamed_keys", "schema_keys"]

PATH_KEYS = (
    "reward",
    "scores",
    "input",
    "output",
    "data.path",
    "decide.rm",
    "decide.dpo",
    "model.source",
    "model.adapter",
    "adapter.source",
    "model.chat_template",
    "model.features",
    "paths.run",
    "paths.cache",
    "hydra.run.dir",
    "hydra.sweep.dir",
)
"""Keys whose values are names of files, directories or sources; users give them as they are, unquoted."""

_OPEN_IN_DATA = ("data.benchmarks", "data.sources")
"""Dict-typed nodes in `data` whose entries have paths."""


def is_path_key(key: str) -> bool:
    """Whether the value of `key` is a path: one of PATH_KEYS, or `path` or `reward` in an open node."""
    node = next((n for n in _OPEN_IN_DATA if key.startswith(f"{n}.")), key.partition(".")[0])
    return key in PATH_KEYS or (key.endswith((".path", ".reward")) and node in open_keys())


def renamed_keys(message: str, place: str, fields: Iterable[str]) -> str:
    """Return a message about `data.FIELD` as one about `place.FIELD`: data that stand elsewhere have other keys."""
    return re.sub(rf"(?<![\w./])data\.(?=(?:{'|'.join(fields)})\b)", f"{place}.", message)


def leaves(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of every value in nested mappings that is not itself a mapping."""
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@cache
def schema_keys() -> tuple[str, ...]:
    """Return every dotted key that a user may set, open nodes by their own name, in the order of the schema."""
    return tuple(_walk(Config, ""))


@cache
def open_keys() -> frozenset[str]:
    """Return the dict-typed nodes, whose own keys belong to the owners of their parameters."""
    return frozenset(key for key in schema_keys() if get_origin(_hint(key)) is dict)


def _walk(cls: Any, prefix: str) -> Iterator[str]:
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.metadata.get("omegaconf_ignore"):
            continue
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from _walk(hint, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def _hint(key: str) -> Any:
    hint: Any = Config
    for part in key.split("."):
        hint = get_type_hints(hint)[part]
    return hint
