"""Rows of a Hugging Face hub data set, with the revision they came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmx.config.schema import DataConfig
from rmx.domain import Origin
from rmx.errors import DataError

__all__ = ["HubRows", "open_hub"]

_COMMIT = re.compile(r"@([0-9a-f]{40})/")


@dataclass(frozen=True)
class HubRows:
    """A loaded hub data set, iterable as (origin, row)."""

    name: str
    revision: str
    """The commit that the data came from, whatever `data.revision` named; `unknown` where the cache does not say."""
    fingerprint: str
    """Of the content; empty of a stream."""
    parts: tuple[tuple[str, Any], ...]
    """Name and rows of each split."""

    def __iter__(self) -> Iterator[tuple[Origin, dict[str, Any]]]:
        for name, rows in self.parts:
            number = 0
            try:
                for number, row in enumerate(rows, start=1):
                    yield Origin(name, number), dict(row)
            except Exception as error:
                # Of a stream: a connection that broke, or a file that is not what its name says.
                what = str(error).strip().partition("\n")[0][:160] or type(error).__name__
                raise DataError(
                    f"{name}: cannot be read after row {number:,} ({type(error).__name__}: {what}); try again, or "
                    "point data.path at a local copy"
                ) from None


def open_hub(data: DataConfig, hub: str, *, stream: bool = False) -> HubRows:
    """Load the data set `hub`, from the network or the local cache of `datasets`.

    A stream is fetched while it is read, at the commit that `data.revision` names now.

    Raises:
        DataError: it cannot be reached or does not exist; says how to use a local copy.
    """
    try:
        import datasets

        datasets.disable_progress_bars()
        options = _subset(data, hub) | ({"streaming": True} if stream else {})
        commit = _commit(hub, data.revision) if stream else None
        splits = {
            split: datasets.load_dataset(hub, split=split, revision=commit or data.revision, **options)
            for split in data.hub_split.split("+")
        }
    except Exception as error:
        # Any of a dozen network, cache and hub errors of three libraries; all mean the same to the user.
        raise _unreachable(hub, data.subset, error) from None
    sources = [url for rows in splits.values() for url in (getattr(rows.info, "download_checksums", None) or {})]
    found = {match[1] for url in sources if (match := _COMMIT.search(str(url)))}
    revision = commit or (found.pop() if len(found) == 1 else (data.revision or "unknown"))
    parts = tuple(("/".join(p for p in (hub, data.subset, split) if p), rows) for split, rows in splits.items())
    name = "/".join(part for part in (hub, data.subset, data.hub_split) if part)
    if stream:
        return HubRows(name, revision, "", parts)
    contents = "/".join(str(rows._fingerprint) for rows in splits.values())
    return HubRows(name, revision, f"{name}@{revision}/{contents}", parts)


def _commit(hub: str, revision: str | None) -> str | None:
    """Return the commit that a revision of a hub data set is now; None of a local directory."""
    if Path(hub).is_dir():
        return None
    from huggingface_hub import HfApi

    return HfApi().dataset_info(hub, revision=revision).sha


def _unreachable(hub: str, subset: str | None, error: Exception) -> DataError:
    what = str(error).strip().partition("\n")[0][:160] or type(error).__name__
    where = hub + (f" ({subset})" if subset else "")
    return DataError(
        f"cannot load the data set {where} from the Hugging Face hub ({type(error).__name__}: {what}); "
        "without network, point data.path at a local copy, for example data.path=FILE.jsonl.gz"
    )


def _subset(data: DataConfig, hub: str) -> dict[str, Any]:
    """Return how `data.subset` is to be passed: as a configuration where the data set has it, else as a directory."""
    if data.subset is None:
        return {}
    import datasets

    names = datasets.get_dataset_config_names(hub, revision=data.revision)
    return {"name": data.subset} if data.subset in names else {"data_dir": data.subset}
