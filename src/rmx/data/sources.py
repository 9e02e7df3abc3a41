"""Where rows come from: files, a hub data set or a synthetic world, or several of them; each row with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from rmx.config.nearest import did_you_mean
from rmx.config.schema import DataConfig
from rmx.config.sources import build_sources, source_message
from rmx.data.files import content_hash, expand_paths, file_rows
from rmx.data.hub import open_hub
from rmx.data.text import digest
from rmx.domain import Origin
from rmx.errors import ConfigError, DataError

__all__ = ["Rows", "Source", "naming_keys_of", "open_sources", "read_rows"]

Row = tuple[Origin, dict[str, Any]]


@dataclass(frozen=True)
class Rows:
    """Rows with their origins, read anew at each iteration."""

    fingerprint: str
    """Depends on the content of the source, not on its place; empty of a stream, whose content nobody knows before."""
    resolved: Mapping[str, Any]
    """What was read: files, or hub data set and revision, or world and parameters."""
    open: Callable[[], Iterable[Row]]
    limit: int | None = None

    def __iter__(self) -> Iterator[Row]:
        return islice(self.open(), self.limit)


@dataclass(frozen=True)
class Source:
    """Rows, and what they mean."""

    name: str
    """In a mixture; empty where the data are none."""
    data: DataConfig
    rows: Rows
    weight: float | None = None
    """Its part of the pairs trained on, held against the other weights; None where no source has one."""


@contextmanager
def naming_keys_of(source: str) -> Iterator[None]:
    """Let errors name the keys of a mixture's source: data.sources.NAME.columns, not data.columns."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise type(error)(source_message(source, str(error))) from None


def open_sources(data: DataConfig) -> tuple[Source, ...]:
    """Open every source that the configuration names, one where it is no mixture; nothing is parsed before iteration.

    Raises:
        ConfigError: no source is named, or the world is unknown.
        DataError: a file is missing or a hub data set cannot be reached.
    """
    opened = []
    for source in build_sources(data):
        with naming_keys_of(source.name):
            rows = read_rows(source.data, stream=data.stream)
        # Whether ties stay is for the loss, which is that of the whole.
        opened.append(Source(source.name, replace(source.data, ties=data.ties), rows, source.weight))
    return tuple(opened) or (Source("", data, read_rows(data, stream=data.stream)),)


def read_rows(data: DataConfig, *, stream: bool = False) -> Rows:
    """Open one source; of a stream, nothing is read before iteration, and no more than is asked for.

    Raises:
        ConfigError: no source is named, or the world is unknown.
        DataError: a file is missing or a hub data set cannot be reached.
    """
    if data.format == "synthetic":
        return _world_rows(data, stream=stream)
    if data.path is not None:
        files = expand_paths(data.path)
        fingerprint = "" if stream else content_hash(files)
        resolved = {"files": [str(f) for f in files]}
        return Rows(fingerprint, resolved, lambda: (r for f in files for r in file_rows(f)), data.limit)
    if data.hub is not None:
        hub = open_hub(data, data.hub, stream=stream)
        resolved_hub = {"hub": data.hub, "subset": data.subset, "split": data.hub_split, "revision": hub.revision}
        return Rows(hub.fingerprint, resolved_hub, lambda: hub, data.limit)
    raise ConfigError(f"data={data.name} has no source; set data.path=FILE (or data.hub=ID)")


def _world_rows(data: DataConfig, *, stream: bool) -> Rows:
    # Worlds are drawn by name only when asked for: their parameters live beside them.
    from rmx.worlds import WORLDS

    parameters = dict(data.world)
    name = str(parameters.pop("name", "access_desk"))
    if name not in WORLDS:
        raise ConfigError(f"data.world.name={name} is not known; {did_you_mean(name, WORLDS)}")

    def rows() -> Iterator[Row]:
        for number, row in enumerate(WORLDS[name].rows(parameters), start=1):
            yield Origin(f"world:{name}", number), row

    # A generator's code is part of what its rows depend on, so the rows themselves are hashed: they are few.
    hashed = () if stream else (repr(sorted(row.items())) for _, row in islice(rows(), data.limit))
    return Rows("" if stream else digest(*hashed), {"world": name, "parameters": parameters}, rows, data.limit)
