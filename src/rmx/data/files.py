"""Rows of local files: JSON Lines, a JSON list, CSV and Parquet, the text formats also under gzip."""

from __future__ import annotations

import csv
import glob
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from rmx.domain import Origin
from rmx.errors import ConfigError, DataError

__all__ = ["content_hash", "expand_paths", "file_rows"]

Row = tuple[Origin, dict[str, Any]]
_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20
_BATCH = 256
"""Rows of Parquet that are Python objects at a time."""


def expand_paths(path: Any) -> list[Path]:
    """Return the files that `data.path` names: a file, a list of files, or a glob (sorted).

    Raises:
        ConfigError: the value is neither text nor a list of texts.
        DataError: a file does not exist, or a glob matches none.
    """
    names = list(path) if isinstance(path, list | tuple) else [path]
    files: list[Path] = []
    for name in names:
        if not isinstance(name, str | Path):
            raise ConfigError(f"data.path must be a file, a list of files or a glob, not {path!r}")
        pattern = str(Path(name).expanduser())
        # A file whose own name looks like a glob is meant literally.
        matches = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute patterns too)
        if not matches:
            raise DataError(f"{name}: no such file (data.path); give an existing file, a list of files or a glob")
        files.extend(Path(m) for m in matches)
    for file in files:
        if file.is_dir():
            raise DataError(f"{file} is a directory (data.path); name its files, for example '{file}/*.jsonl.gz'")
    return files


def content_hash(files: list[Path]) -> str:
    """Return a hash of the bytes of the files, in order."""
    state = xxhash.xxh3_128()
    for file in files:
        try:
            with file.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    state.update(chunk)
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror or error}); check its path") from None
        state.update(file.suffix.encode())
    return state.hexdigest()


def file_rows(file: Path) -> Iterator[Row]:
    """Yield (origin, row) of one file, rows numbered from 1 (JSON Lines: the line; a JSON list: the element).

    Raises:
        DataError: an unknown kind of file, or one that is empty, cut or damaged, or not UTF-8; names the line.
    """
    kind = file.name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind == "json" and _is_list(file):
        return _json_list(file)
    if kind in ("jsonl", "ndjson", "json"):
        return _json_lines(file)
    if kind in ("csv", "tsv"):
        return _csv(file, "\t" if kind == "tsv" else ",")
    if kind == "parquet":
        return _parquet(file)
    raise DataError(f"{file}: unknown kind of file; rmx reads .jsonl, .csv, .tsv (each also .gz) and .parquet")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield numbered lines of UTF-8 text without their line end; a byte-order mark and CRLF are accepted."""
    number = 0
    try:
        with _open(file) as stream:
            for number, raw in enumerate(stream, start=1):
                line = raw.removeprefix(_BOM) if number == 1 else raw
                if b"\0" in line:
                    raise DataError(f"{file} line {number}: contains a NUL byte; save the file as UTF-8 text")
                try:
                    yield number, line.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{file} line {number}: not UTF-8 (byte {error.start + 1} of the line); save the file as UTF-8"
                    ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: gzip stream damaged or cut after line {number} ({error}); fetch it again") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error}); check its path") from None
    if number == 0:
        raise DataError(f"{file}: is empty; check its path")


def _open(file: Path) -> BinaryIO | gzip.GzipFile:
    with file.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    if not zipped and file.suffix.lower() == ".gz":
        raise DataError(f"{file}: not a gzip file despite its name; fetch it again or drop the .gz")
    return gzip.open(file, "rb") if zipped else file.open("rb")


def _json_lines(file: Path) -> Iterator[Row]:
    name = str(file)
    for number, line in _lines(file):
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            what = getattr(error, "msg", type(error).__name__)
            raise DataError(
                f"{file} line {number}: not one complete JSON object ({what}); the file may be cut, or not JSON Lines"
            ) from None
        if not isinstance(row, dict):
            raise DataError(
                f"{file} line {number}: holds a {type(row).__name__}, not an object; write one JSON object a line"
            )
        yield Origin(name, number), row


def _is_list(file: Path) -> bool:
    """Return whether the first character of a file opens a JSON list."""
    return next((line.strip()[:1] == "[" for _, line in _lines(file) if line.strip()), False)


def _json_list(file: Path) -> Iterator[Row]:
    """Yield the objects of one JSON list, the form in which benchmarks are often published."""
    try:
        rows = json.loads("\n".join(line for _, line in _lines(file)))
    except (ValueError, RecursionError) as error:
        what = getattr(error, "msg", type(error).__name__)
        raise DataError(f"{file}: not one complete JSON list ({what}); the file may be cut") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{file} element {number}: holds a {type(row).__name__}, not an object; mend the file")
        yield Origin(str(file), number), row


def _csv(file: Path, delimiter: str) -> Iterator[Row]:
    name = str(file)
    # Completions are longer than the module's default bound of 128 KiB.
    csv.field_size_limit(1 << 30)
    reader = csv.reader((line for _, line in _lines(file)), delimiter=delimiter, strict=True)
    try:
        header = next(reader)
        if len(set(header)) < len(header):
            raise DataError(f"{file}: a column name stands twice in the header ({', '.join(header)}); rename one")
        for number, cells in enumerate((c for c in reader if c), start=1):
            if len(cells) != len(header):
                raise DataError(
                    f"{file} row {number} (line {reader.line_num}): {len(cells)} cells under {len(header)} columns; "
                    "quote cells that hold the delimiter"
                )
            yield Origin(name, number), dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"{file} line {reader.line_num}: not CSV ({error}); the file may be cut") from None


def _parquet(file: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name, number = str(file), 0
    try:
        # Else a row group, which may be a whole shard, is held from its first row to its last.
        with pq.ParquetFile(file, buffer_size=_CHUNK, pre_buffer=False) as table:
            for batch in table.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield Origin(name, number), row
    except (pa.ArrowException, OSError) as error:
        what = str(error).partition("\n")[0][:120]
        raise DataError(f"{file}: not readable as Parquet after row {number} ({what}); fetch it again") from None
