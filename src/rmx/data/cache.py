"""Prepared data kept on disk by fingerprint, in Parquet and JSON."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rmx.data.comparison import Rejection
from rmx.data.ledger import Ledger
from rmx.data.prepared import Prepared
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import DataError

__all__ = ["load_prepared", "store_prepared"]

_log = logging.getLogger(__name__)
_REVIEW = "review"


def store_prepared(prepared: Prepared, entry: Path) -> None:
    """Write prepared data as one cache entry, whole or not at all.

    Raises:
        DataError: the cache directory cannot be written.
    """
    import pyarrow.parquet as pq

    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
        try:
            pq.write_table(_table(prepared), partial / "pairs.parquet", compression="zstd")
            state = {
                "ledger": prepared.ledger.state(),
                "rejections": [(r.pair_id, *r.origin, *r[2:]) for r in prepared.rejections],
            }
            (partial / "state.json").write_text(json.dumps(state), "utf-8")
            # Another process may have stored the same content meanwhile: equal by construction, so either serves.
            if not entry.exists():
                partial.replace(entry)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        if entry.exists():
            return
        raise DataError(
            f"{entry.parent}: the cache cannot be written ({error.strerror or error}); "
            "set paths.cache to a writable directory"
        ) from None


def load_prepared(entry: Path) -> Prepared | None:
    """Return the prepared data of a cache entry, None where there is none; a damaged entry is removed and said."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not entry.is_dir():
        return None
    try:
        state = json.loads((entry / "state.json").read_text("utf-8"))
        table = pq.read_table(entry / "pairs.parquet")
        ledger = Ledger.from_state(state["ledger"])
        splits: dict[str, list[PreferencePair]] = {name: [] for name in (*ledger.splits, _REVIEW)}
        for split, pair in _pairs(table):
            splits[split].append(pair)
        rejections = tuple(
            Rejection(pair_id, Origin(file, row), *why) for pair_id, file, row, *why in state["rejections"]
        )
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s: damaged cache entry (%s), made again", entry, type(error).__name__)
        shutil.rmtree(entry, ignore_errors=True)
        return None
    review = tuple(splits.pop(_REVIEW))
    return Prepared({n: tuple(p) for n, p in splits.items()}, ledger, rejections, review, ledger.fingerprint)


def _table(prepared: Prepared) -> Any:
    import pyarrow as pa

    placed = [(name, p) for name, pairs in prepared.splits.items() for p in pairs]
    placed += [(_REVIEW, p) for p in prepared.review]
    pairs = [p for _, p in placed]
    dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return pa.table(
        {
            "split": pa.array([name for name, _ in placed], pa.string()),
            "pair_id": pa.array([p.pair_id for p in pairs], pa.string()),
            "prompt": pa.array([dump(p.prompt) for p in pairs], pa.string()),
            "chosen": pa.array([p.chosen for p in pairs], pa.string()),
            "rejected": pa.array([p.rejected for p in pairs], pa.string()),
            "file": pa.array([p.origin.file for p in pairs], pa.string()),
            "row": pa.array([p.origin.row for p in pairs], pa.int64()),
            "group": pa.array([p.group for p in pairs], pa.string()),
            "agreement": pa.array([p.agreement for p in pairs], pa.float64()),
            "votes": pa.array([p.votes for p in pairs], pa.list_(pa.int64())),
            "strength": pa.array([p.strength for p in pairs], pa.float64()),
            "weight": pa.array([p.weight for p in pairs], pa.float64()),
            "label_source": pa.array([p.label_source for p in pairs], pa.string()),
            "tags": pa.array([dump(dict(p.tags)) for p in pairs], pa.string()),
            "tied": pa.array([p.tied for p in pairs], pa.bool_()),
        }
    )


def _pairs(table: Any) -> Iterator[tuple[str, PreferencePair]]:
    for batch in table.to_batches(max_chunksize=8192):
        columns = batch.to_pydict()
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, values, strict=True))
            yield (
                row["split"],
                PreferencePair(
                    pair_id=row["pair_id"],
                    prompt=tuple(Message(role, content) for role, content in json.loads(row["prompt"])),
                    chosen=row["chosen"],
                    rejected=row["rejected"],
                    origin=Origin(row["file"], row["row"]),
                    group=row["group"],
                    agreement=row["agreement"],
                    votes=None if row["votes"] is None else tuple(row["votes"]),
                    strength=row["strength"],
                    weight=row["weight"],
                    label_source=row["label_source"],
                    tags=json.loads(row["tags"]),
                    # Entries older than ties that train hold none.
                    tied=row.get("tied", False),
                ),
            )
