"""Token sequences, stored flat and memory-mapped from an Arrow file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from rmx.data.comparison import Problem

__all__ = ["TokenStore", "Tokenised", "read_tokenised", "write_tokenised"]

_FORMAT = b"1"


@dataclass(frozen=True)
class TokenStore:
    """Distinct token sequences by number; the last token of each is the terminal token, which is pooled."""

    flat: NDArray[np.int32]
    """int32 (total,): tokens, often a memory map; sequences may stand in it in any order."""
    starts: NDArray[np.int64]
    """int64 (n,): where sequence i begins in `flat`."""
    lengths: NDArray[np.int64]
    """int64 (n,): tokens per sequence."""
    prompt_lengths: NDArray[np.int64]
    """int64 (n,): leading tokens that all completions of the same prompt share; 0 where none are known to be."""
    completion_lengths: NDArray[np.int64]
    """int64 (n,): tokens beyond those of the rendered prompt, terminal token included."""

    def __len__(self) -> int:
        return len(self.starts)

    def ids(self, i: int) -> NDArray[np.int32]:
        """Return int32 (length,): the tokens of sequence i, a view."""
        start = self.starts[i]
        return self.flat[start : start + self.lengths[i]]

    def select(self, members: NDArray[np.int64]) -> TokenStore:
        """Return the sequences with these numbers, in this order, over the same tokens."""
        columns = (self.starts, self.lengths, self.prompt_lengths, self.completion_lengths)
        return TokenStore(self.flat, *(column[members] for column in columns))


@dataclass(frozen=True)
class Tokenised:
    """Texts by number: their tokens, and why some have none."""

    store: TokenStore
    problems: Mapping[int, Problem]
    """By number; such a text has no tokens."""


def write_tokenised(path: Path, texts: Tokenised) -> None:
    """Write one Arrow file, whole or not at all.

    `texts.store` must cover its tokens exactly, each once, as tokenising makes it.

    Raises:
        OSError: the directory cannot be written.
    """
    import pyarrow as pa

    store = texts.store
    # An empty sequence starts where the next one does and so comes before it.
    order = np.lexsort((store.lengths, store.starts))
    offsets = np.append(store.starts[order], len(store.flat))
    if not np.array_equal(np.diff(offsets), store.lengths[order]):
        raise ValueError("the sequences do not cover their tokens exactly")
    problems = [texts.problems.get(int(i)) for i in order]
    columns = {
        "number": pa.array(order, pa.int64()),
        "ids": pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(store.flat, pa.int32())),
        "prompt_length": pa.array(store.prompt_lengths[order], pa.int64()),
        "completion_length": pa.array(store.completion_lengths[order], pa.int64()),
        "reason": pa.array([p and p.reason for p in problems], pa.string()),
        "detail": pa.array([p and p.detail for p in problems], pa.string()),
    }
    batch = pa.record_batch(columns)
    schema = batch.schema.with_metadata({"format": _FORMAT, "checksum": _checksum(batch)})
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream, pa.ipc.new_file(stream, schema) as writer:
            writer.write_batch(batch.cast(schema))
        Path(name).replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def read_tokenised(path: Path) -> Tokenised:
    """Map a file of `write_tokenised` into memory: processes that read it share its pages.

    Raises:
        ValueError: the file is damaged (Arrow's own errors are ValueErrors too).
        OSError: it cannot be read.
    """
    import pyarrow as pa

    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    metadata = reader.schema.metadata or {}
    if metadata.get(b"format") != _FORMAT or reader.num_record_batches != 1:
        raise ValueError("not a token file of this version")
    batch = reader.get_batch(0)
    if metadata.get(b"checksum") != _checksum(batch):
        raise ValueError("its checksum does not match")
    column = {name: batch.column(name) for name in batch.schema.names}
    number = column["number"].to_numpy()
    offsets = column["ids"].offsets.to_numpy()

    def by_number(values: NDArray[np.int64]) -> NDArray[np.int64]:
        placed = np.empty(len(number), np.int64)
        placed[number] = values
        return placed

    store = TokenStore(
        flat=column["ids"].values.to_numpy(),
        starts=by_number(offsets[:-1]),
        lengths=by_number(np.diff(offsets)),
        prompt_lengths=by_number(column["prompt_length"].to_numpy()),
        completion_lengths=by_number(column["completion_length"].to_numpy()),
    )
    wrong = np.flatnonzero(column["reason"].is_valid().to_numpy(zero_copy_only=False))
    reasons, details = column["reason"], column["detail"]
    return Tokenised(store, {int(number[i]): Problem(reasons[i].as_py(), details[i].as_py()) for i in wrong})


def _checksum(batch: Any) -> bytes:
    """Return a hash of every value of a record batch, whatever the padding of its buffers."""
    ids = batch.column("ids")
    arrays = [ids.values, ids.offsets, *(batch.column(n) for n in ("number", "prompt_length", "completion_length"))]
    hashed = xxhash.xxh3_64()
    for array in arrays:
        hashed.update(array.to_numpy())
    for name in ("reason", "detail"):
        hashed.update("\0".join(batch.column(name).drop_null().to_pylist()).encode())
    return hashed.hexdigest().encode()
