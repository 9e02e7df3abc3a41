"""`audits.json`: audit results in and out of JSON, NaN included."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from rmx.domain import AuditResult
from rmx.errors import DataError
from rmx.whole_file import write_text

__all__ = ["plain", "read_results", "result_from_json", "write_json", "write_results"]

NUMBERS = ("estimate", "ci_low", "ci_high", "mde", "null_value", "p_value")


def plain(value: Any) -> Any:
    """Return `value` in types of strict JSON: numbers that JSON lacks become the texts NaN, Infinity and -Infinity."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    return value


def write_json(value: Any, path: Path) -> None:
    """Write JSON that is the same bytes for the same content; readers see the old file or the new one."""
    write_text(path, json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_results(results: Iterable[AuditResult], path: Path) -> None:
    """Write `audits.json`: a list of results in their order."""
    write_json([asdict(result) for result in results], Path(path))


def read_results(path: Path) -> list[AuditResult]:
    """Read `audits.json`.

    Raises:
        DataError: The file is missing, cut, or not a list of audit results.
    """
    path = Path(path)
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run the audits first") from None
    except ValueError as error:
        raise DataError(f"{path}: not complete JSON ({error}); run the audits again") from None
    if not isinstance(rows, list):
        raise DataError(f"{path}: not a list of audit results; run the audits again")
    return [result_from_json(row, where=f"{path}: result {i}") for i, row in enumerate(rows, start=1)]


def result_from_json(row: Any, *, where: str) -> AuditResult:
    """Build a result from its JSON object.

    Raises:
        DataError: A field is missing, unknown, or not a number where it must be.
    """
    names = {field.name for field in fields(AuditResult)}
    if not isinstance(row, dict) or row.keys() != names:
        odd = sorted(names ^ row.keys()) if isinstance(row, dict) else "no object"
        raise DataError(f"{where}: fields missing or unknown ({odd}); run the audits again")
    values = dict(row)
    try:
        for name in NUMBERS:
            values[name] = None if values[name] is None else float(values[name])
    except (TypeError, ValueError):
        raise DataError(f"{where}: {name} is {row[name]!r}, not a number; run the audits again") from None
    if values["tolerance"] is not None:
        values["tolerance"] = tuple(values["tolerance"])
    return AuditResult(**values)
