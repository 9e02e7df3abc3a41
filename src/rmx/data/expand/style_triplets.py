"""RM-Bench: a right and a wrong answer in three styles each, nine comparisons a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison
from rmx.data.expand.adapter import Adapter, CommonColumns, UnusableCell, common_fields, prompt_turns
from rmx.data.text import digest
from rmx.domain import Message, Origin
from rmx.errors import DataError

__all__ = ["STYLES", "style_triplets_adapter"]

STYLES = ("concise", "detailed", "detailed_markdown")
"""Order of the texts on each side (README of THU-KEG/RM-Bench)."""


@dataclass(frozen=True, kw_only=True)
class TripletColumns(CommonColumns):
    """Which column plays which part; an id gets the two styles appended, for a row is nine comparisons.

    Two styles of an answer may be one text (in RM-Bench's chat and safety-response one right answer in five): every
    cell counts all the same.
    """

    prompt: str | list[str]
    chosen: str = "chosen"
    """List of three texts, in the order of `STYLES`."""
    rejected: str = "rejected"
    domain: str | None = None
    """Null: the name of the file. Either is read up to the first hyphen or underscore: RM-Bench pools safety-refuse and
    safety-response."""
    system: str | None = None


def style_triplets_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns checked; tags style_chosen, style_rejected and domain name the cell."""
    columns = build_strict(TripletColumns, data.columns, where="data.columns")

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        turns = prompt_turns(origin, row, columns.prompt, columns.system)
        chosen, rejected = (_texts(origin, row, column) for column in (columns.chosen, columns.rejected))
        domain = Path(origin.file).name if columns.domain is None else str(row.get(columns.domain) or "")
        common = common_fields(origin, row, columns, data.label_source)
        # Content alone would give equal texts in two cells one id.
        identity = common["given_id"] or digest(*(part for turn in turns for part in turn), *chosen, *rejected)
        for right, first in zip(STYLES, chosen, strict=True):
            for wrong, second in zip(STYLES, rejected, strict=True):
                common["given_id"] = f"{identity}/{right}/{wrong}"
                common["tags"] = {
                    **common["tags"],
                    "style_chosen": right,
                    "style_rejected": wrong,
                    "domain": _family(domain),
                }
                sides = ((*turns, Message("assistant", text)) for text in (first, second))
                yield Comparison(origin, next(sides), next(sides), "first", designed=True, **common)

    return adapt


def _texts(origin: Origin, row: Mapping[str, Any], column: str) -> list[str]:
    if column not in row:
        raise DataError(f"{origin.file} row {origin.row}: no column {column!r}; set data.columns to the row's columns")
    texts = row[column]
    if not isinstance(texts, list) or len(texts) != len(STYLES) or not all(isinstance(text, str) for text in texts):
        raise UnusableCell("invalid_text", f"column {column!r} must hold {len(STYLES)} texts, one for each style")
    return texts


def _family(domain: str) -> str:
    return domain.partition(".")[0].partition("-")[0].partition("_")[0]
