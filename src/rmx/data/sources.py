"""Where rows come from: local files, a hub data set or a synthetic world, each row with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rmx.config.nearest import did_you_mean
from rmx.config.schema import DataConfig
from rmx.data.files import content_hash, expand_paths, file_rows
from rmx.data.hub import open_hub
from rmx.data.text import digest
from rmx.domain import Origin
from rmx.errors import ConfigError

__all__ = ["Rows", "read_rows"]

Row = tuple[Origin, dict[str, Any]]


@dataclass(frozen=True)
class Rows:
    """Rows with their origins, streamed anew at each iteration."""

    fingerprint: str
    """Depends on the content of the source, not on its place."""
    resolved: Mapping[str, Any]
    """What was read: files, or hub data set and revision, or world and parameters."""
    open: Callable[[], Iterable[Row]]
    limit: int | None = None

    def __iter__(self) -> Iterator[Row]:
        return islice(self.open(), self.limit)


def read_rows(data: DataConfig) -> Rows:
    """Open the source that the configuration names; nothing is parsed before iteration.

    Raises:
        ConfigError: no source is named, or the world is unknown.
        DataError: a file is missing or a hub data set cannot be reached.
    """
    if data.format == "synthetic":
        return _world_rows(data)
    if data.path is not None:
        files = expand_paths(data.path)
        resolved = {"files": [str(f) for f in files]}
        return Rows(content_hash(files), resolved, lambda: (r for f in files for r in file_rows(f)), data.limit)
    if data.hub is not None:
        hub = open_hub(data, data.hub)
        resolved_hub = {"hub": data.hub, "subset": data.subset, "split": data.hub_split, "revision": hub.revision}
        return Rows(hub.fingerprint, resolved_hub, lambda: hub, data.limit)
    raise ConfigError(f"data={data.name} has no source; set data.path=FILE (or data.hub=ID)")


def _world_rows(data: DataConfig) -> Rows:
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
    fingerprint = digest(*(repr(sorted(row.items())) for _, row in islice(rows(), data.limit)))
    return Rows(fingerprint, {"world": name, "parameters": parameters}, rows, data.limit)
