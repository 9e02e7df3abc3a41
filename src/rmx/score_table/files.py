"""Score tables, candidates and comparisons in and out of Parquet, CSV and JSONL, checked row by row."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rmx.errors import DataError
from rmx.score_table.schema import CANDIDATE_COLUMNS, COMPARISON_COLUMNS, PAIRWISE_COLUMNS, SCORE_COLUMNS
from rmx.score_table.tables import CandidateTable, Comparisons, ScoreTable
from rmx.whole_file import whole_file

__all__ = ["read_candidates", "read_comparisons", "read_scores", "write_table"]

METADATA_KEY = b"rmx"
Cells = dict[str, list[Any]]
Rows = TypeVar("Rows", CandidateTable, Comparisons, ScoreTable)


def write_table(rows: CandidateTable | Comparisons | ScoreTable, path: Path) -> None:
    """Write Parquet with metadata and digest, CSV or JSONL by the suffix; the file appears whole or not at all.

    Raises:
        DataError: The suffix is none of .parquet, .csv, .jsonl.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv", ".jsonl"):
        raise DataError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use .parquet, .csv or .jsonl")
    with whole_file(path) as partial:
        _write(rows, path.suffix, partial)


def _write(rows: CandidateTable | Comparisons | ScoreTable, suffix: str, partial: Path) -> None:
    if suffix == ".parquet":
        facts = json.dumps({"digest": rows.digest, "metadata": dict(sorted(rows.metadata.items()))})
        pq.write_table(rows.table.replace_schema_metadata({METADATA_KEY: facts.encode()}), partial)
    elif suffix == ".csv":
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(rows.table.column_names)
            writer.writerows(zip(*(column.to_pylist() for column in rows.table.columns), strict=True))
    else:
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.table.to_pylist())


def read_scores(path: Path) -> ScoreTable:
    """Read a score table, of rmx or foreign.

    A foreign file needs pair_id, group and either chosen_reward and rejected_reward, or margin (a pairwise judge).
    `slice` defaults to heldout, `scorer` to model; columns of no known name become tags.

    Raises:
        DataError: The file is missing, cut or unreadable; a column is missing; a cell is empty where one is needed,
            of the wrong type, NaN or infinite; two rows share slice, pair and scorer; an rmx file was changed.
    """
    path = Path(path)
    cells, facts = _read_cells(path)
    schema = PAIRWISE_COLUMNS if "margin" in cells and "chosen_reward" not in cells else SCORE_COLUMNS
    needed = ["margin"] if schema is PAIRWISE_COLUMNS else ["chosen_reward", "rejected_reward"]
    defaults = {"slice": "heldout", "scorer": "model"}
    table = _typed(path, cells, schema, needed=["pair_id", "group", *needed], defaults=defaults)
    return _checked(path, ScoreTable, table, facts)


def read_candidates(path: Path, *, slice: str = "heldout") -> CandidateTable:
    """Read a candidates table; a foreign file needs candidate_id, group and reward. Errors as `read_scores`.

    Args:
        path: Parquet, CSV or JSONL.
        slice: The slice of rows that name none.
    """
    path = Path(path)
    cells, facts = _read_cells(path)
    defaults = {"slice": slice, "scorer": "model"}
    table = _typed(path, cells, CANDIDATE_COLUMNS, needed=["candidate_id", "group", "reward"], defaults=defaults)
    return _checked(path, CandidateTable, table, facts)


def read_comparisons(path: Path) -> Comparisons:
    """Read comparisons; a foreign file needs pair_id, group, chosen_id and rejected_id. Errors as `read_scores`."""
    path = Path(path)
    cells, facts = _read_cells(path)
    defaults = {"slice": "heldout"}
    needed = ["pair_id", "group", "chosen_id", "rejected_id"]
    table = _typed(path, cells, COMPARISON_COLUMNS, needed=needed, defaults=defaults)
    return _checked(path, Comparisons, table, facts)


def _checked(path: Path, cls: type[Rows], table: pa.Table, facts: Mapping[str, Any]) -> Rows:
    try:
        rows = cls(table, facts.get("metadata", {}))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if facts.get("digest", rows.digest) != rows.digest:
        raise DataError(
            f"{path}: changed after it was written (its digest no longer holds); write it again from scratch"
        )
    return rows


def _read_cells(path: Path) -> tuple[Cells, dict[str, Any]]:
    """Return the raw cells by column and, of an rmx Parquet file, what its metadata says."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows}
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a .parquet, .csv or .jsonl file of scores")
    if suffix == ".parquet":
        try:
            table = pq.read_table(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}); write it again"
            ) from None
        facts = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
        return {name: table[name].to_pylist() for name in table.column_names}, facts
    if suffix not in readers:
        raise DataError(f"{path}: cannot read {suffix or 'a file without suffix'}; use .parquet, .csv or .jsonl")
    opener: Callable[..., IO[str]] = gzip.open if path.suffix == ".gz" else open
    cells: Cells = {}
    count = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            for row in readers[suffix](path, file):
                for name in row.keys() - cells.keys():
                    cells[name] = [None] * count
                for name, column in cells.items():
                    column.append(row.get(name))
                count += 1
    except (EOFError, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: row {count + 1}: cannot be read ({error}); the file seems cut or is not UTF-8"
        ) from None
    return cells, {}


def _csv_rows(path: Path, file: IO[str]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(csv.DictReader(file, restkey="", restval=None), start=1):
        if "" in row:
            raise DataError(
                f"{path}: row {number}: more cells than the header has columns; quote cells that hold commas"
            )
        yield {name: cell if cell != "" else None for name, cell in row.items()}


def _jsonl_rows(path: Path, file: IO[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(filter(str.strip, file), start=1):
        try:
            row = json.loads(line)
        except ValueError:
            raise DataError(f"{path}: row {number}: not a complete JSON object; the file seems cut or edited") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}: row {number}: a JSON {type(row).__name__}; each line must be one object")
        yield row


def _typed(path: Path, cells: Cells, schema: pa.Schema, *, needed: list[str], defaults: Mapping[str, str]) -> pa.Table:
    """Return the cells as an Arrow table of `schema`, folding columns of no known name into the tags."""
    missing = [name for name in needed if name not in cells]
    if missing:
        have = ", ".join(sorted(cells)) or "none"
        raise DataError(f"{path}: column {', '.join(missing)} is missing (columns: {have}); add or rename it")
    count = len(cells[needed[0]])
    if count == 0:
        raise DataError(f"{path}: no rows; score some pairs first")
    columns: dict[str, list[Any]] = {}
    for column in schema:
        name = column.name
        raw = cells.get(name, [None] * count)
        convert = _text if pa.types.is_string(column.type) else _number
        whole = pa.types.is_integer(column.type)
        empty = defaults.get(name)
        values = []
        for number, cell in enumerate(raw, start=1):
            try:
                value = empty if cell is None else convert(cell, whole)
            except ValueError as error:
                raise DataError(f"{path}: row {number}: {name} is {error}; mend or remove the row") from None
            if value is None and name in needed:
                raise DataError(f"{path}: row {number}: {name} is empty; fill it in or remove the row")
            values.append(value)
        columns[name] = values
    extra = sorted(cells.keys() - set(schema.names))
    if extra and "tags" in columns:
        for i, tags in enumerate(columns["tags"]):
            columns["tags"][i] = _with_tags(f"{path}: row {i + 1}", tags, {name: cells[name][i] for name in extra})
    return pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names})


def _text(cell: Any, _: bool) -> str:
    if isinstance(cell, dict | list):
        return json.dumps(cell, sort_keys=True, ensure_ascii=False)
    return str(cell)


def _number(cell: Any, whole: bool) -> float | int:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        raise ValueError(f"{cell!r}, not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{value}, not a finite number")
    if whole and value != int(value):
        raise ValueError(f"{cell!r}, not a whole number")
    return int(value) if whole else value


def _with_tags(where: str, tags: str | None, extra: Mapping[str, Any]) -> str:
    try:
        known = dict(json.loads(tags)) if tags else {}
    except (ValueError, TypeError):
        raise DataError(f"{where}: tags is {tags!r}, not a JSON object; mend it or rename the column") from None
    more = {name: _text(value, False) for name, value in extra.items() if value is not None}
    return json.dumps({**more, **known}, sort_keys=True, ensure_ascii=False)
