"""The entries of `data.sources`: each a data configuration of its own, less what belongs to the mixture as a whole."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rmx.config.keys import renamed_keys
from rmx.config.nearest import did_you_mean
from rmx.config.ranges import CHOICES, RANGES
from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.errors import ConfigError

__all__ = ["SOURCE_FIELDS", "SourceConfig", "build_sources", "source_message"]

_OF_THE_WHOLE = (
    "sources",
    "stream",
    "max_length",
    "max_defects",
    "near_duplicates",
    "near_duplicate_jaccard",
    "benchmarks",
    "split",
    "ties",
)
"""Fields of the data configuration that act on all pairs together; any other says where rows are or what they mean."""

SOURCE_FIELDS = tuple(f.name for f in dataclasses.fields(DataConfig) if f.name not in _OF_THE_WHOLE)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class SourceConfig:
    """One source of a mixture."""

    name: str
    data: DataConfig
    """Where its rows are and what they mean; the fields of the whole have their defaults and are not read."""
    weight: float | None
    """Its part of the pairs trained on, held against the other weights; None where no source has one."""


def build_sources(data: DataConfig) -> tuple[SourceConfig, ...]:
    """Return the sources of a mixture in the order given, checked; none where the data are no mixture.

    Once one source has a weight, one that has none weighs 1.

    Raises:
        ConfigError: One line with the key: an unknown or mistyped field, a value out of range, or a field of the whole.
    """
    built = [_build(name, given) for name, given in data.sources.items()]
    weighted = any(source.weight is not None for source in built)
    return tuple(dataclasses.replace(s, weight=1.0) if weighted and s.weight is None else s for s in built)


def source_message(name: str, message: str) -> str:
    """Return a message about data as one about a source of a mixture: its keys are called data.sources.NAME.KEY."""
    return renamed_keys(message, f"data.sources.{name}", SOURCE_FIELDS) if name else message


def _build(name: Any, given: Any) -> SourceConfig:
    where = f"data.sources.{name}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: a source is named by a letter, then letters, digits, _ or -; rename it")
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: expected a mapping of {', '.join(SOURCE_FIELDS)} and weight, got {given!r}")
    for key in given:
        if key in _OF_THE_WHOLE:
            raise ConfigError(
                f"{where}.{key}: acts on all sources together; give data.{key} instead, and ~{where}.{key}"
            )
        if key not in SOURCE_FIELDS and key != "weight":
            raise ConfigError(f"{where}.{key}: unknown key; {did_you_mean(str(key), (*SOURCE_FIELDS, 'weight'))}")
    rest = {key: value for key, value in given.items() if key != "weight"}
    # Whose labels they are is for the source to say: the gate must not take a model's for people's.
    data = build_strict(DataConfig, {"name": name, "label_source": "unknown", **rest}, where=where)
    for problem in _out_of_range(data):
        raise ConfigError(f"{where}.{problem}")
    return SourceConfig(name, data, _weight(given.get("weight"), where))


def _weight(value: Any, where: str) -> float | None:
    if value is None:
        return None
    number = value if type(value) in (int, float) else math.nan
    if not (0 < number < math.inf):
        raise ConfigError(f"{where}.weight: {value!r} is out of range; give a number above 0, or null")
    return float(number)


def _out_of_range(data: DataConfig) -> Iterator[str]:
    for field, value in asdict(data).items():
        key = f"data.{field}"
        if key in CHOICES and value not in CHOICES[key]:
            yield f"{field}: {value!r} is not valid; {did_you_mean(str(value), [str(c) for c in CHOICES[key]])}"
        if key in RANGES and value is not None and value not in RANGES[key]:
            yield f"{field}: {value} is out of range; give {RANGES[key]}"
