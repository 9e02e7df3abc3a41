"""Rows of a synthetic world: pairs whose gold rewards are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison
from rmx.data.expand.adapter import Adapter
from rmx.data.expand.pairs import PairColumns, PairsAdapter
from rmx.domain import Origin

__all__ = ["synthetic_adapter"]

_GOLD = ("gold_chosen", "gold_rejected")


@dataclass(frozen=True)
class _Columns:
    """A world's columns are fixed: none can be given."""


def synthetic_adapter(data: DataConfig) -> Adapter:
    """Return the adapter of a world's rows; their gold rewards become tags gold_chosen and gold_rejected."""
    build_strict(_Columns, data.columns, where="data.columns")

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        columns = PairColumns(prompt="prompt", id="id", group="group", votes="votes" if row.get("votes") else None)
        for comparison in PairsAdapter(columns, data.label_source)(origin, row):
            comparison.tags = {
                **{str(k): str(v) for k, v in (row.get("tags") or {}).items()},
                **{name: repr(float(row[name])) for name in _GOLD if row.get(name) is not None},
            }
            if "label_source" in row:
                comparison.label_source = row["label_source"]
            yield comparison

    return adapt
