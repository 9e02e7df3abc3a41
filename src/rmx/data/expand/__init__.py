"""Adapters: one row of a published format becomes comparisons; one file each, chosen by `data.format`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rmx.config.nearest import did_you_mean
from rmx.config.schema import DataConfig
from rmx.data.comparison import Comparison
from rmx.data.expand.adapter import Adapter, UnusableCell
from rmx.data.expand.answer_lists import answer_lists_adapter
from rmx.data.expand.comparison import comparison_adapter
from rmx.data.expand.hh_dialogue import hh_dialogue_adapter
from rmx.data.expand.pairs import pairs_adapter
from rmx.data.expand.rankings import rankings_adapter
from rmx.data.expand.style_triplets import style_triplets_adapter
from rmx.data.expand.synthetic import synthetic_adapter
from rmx.data.expand.votes import votes_adapter
from rmx.domain import Origin
from rmx.errors import ConfigError

__all__ = ["FORMATS", "Adapter", "build_adapter"]

FORMATS: dict[str, Callable[[DataConfig], Adapter]] = {
    "pairs": pairs_adapter,
    "hh_dialogue": hh_dialogue_adapter,
    "comparison": comparison_adapter,
    "votes": votes_adapter,
    "style_triplets": style_triplets_adapter,
    "answer_lists": answer_lists_adapter,
    "rankings": rankings_adapter,
    "synthetic": synthetic_adapter,
}


def build_adapter(data: DataConfig) -> Adapter:
    """Return the adapter of `data.format`, its columns and labels checked.

    Raises:
        ConfigError: an unknown format, or unknown, missing or mistyped columns and labels.
    """
    if data.format not in FORMATS:
        raise ConfigError(f"data.format={data.format} is not known; {did_you_mean(data.format, FORMATS)}")
    adapter = FORMATS[data.format](data)

    def guarded(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        # A cell that cannot be used costs its row, not the run: the row leaves with a reason, and is counted.
        try:
            yield from adapter(origin, row)
        except UnusableCell as cell:
            yield Comparison(origin, (), (), "unread", problem=cell.problem)

    return guarded
