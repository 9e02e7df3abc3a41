"""RM-Bench: a right and a wrong answer in three styles each, nine comparisons a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields, prompt_turns, texts_field
from rmx.data.text import digest
from rmx.domain import Message, Origin

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
    """Null: column `domain` where the row has it, else the name of the file. Either is read up to the first hyphen or
    underscore: RM-Bench pools safety-refuse and safety-response."""
    system: str | None = None


def style_triplets_adapter(data: DataConfig) -> Adapter:
    """Return the adapter with its columns checked; tags style_chosen, style_rejected and domain name the cell."""
    columns = build_strict(TripletColumns, data.columns, where="data.columns")

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        turns = prompt_turns(origin, row, columns.prompt, columns.system, columns.tools)
        chosen, rejected = (
            texts_field(origin, row, column, part, length=len(STYLES))
            for column, part in ((columns.chosen, "chosen"), (columns.rejected, "rejected"))
        )
        column = "domain" if columns.domain is None and "domain" in row else columns.domain
        domain = Path(origin.file).name if column is None else str(row.get(column) or "")
        common = common_fields(origin, row, columns, data.label_source)
        common["designed"] = True
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
                yield Comparison(origin, next(sides), next(sides), "first", **common)

    return adapt


def _family(domain: str) -> str:
    return domain.partition(".")[0].partition("-")[0].partition("_")[0]
