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
from rmx.data.expand.token_ids import token_ids_adapter
from rmx.data.expand.votes import votes_adapter
from rmx.data.given_tokens import GivenTokens
from rmx.domain import Origin
from rmx.errors import ConfigError

__all__ = ["FORMATS", "TOKEN_FORMATS", "Adapter", "build_adapter"]

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


TOKEN_FORMATS: dict[str, Callable[[DataConfig, GivenTokens], Adapter]] = {
    "token_ids": token_ids_adapter,
}
"""Formats whose rows are tokens: what they say, only the tokenizer that made them knows."""


def build_adapter(data: DataConfig, tokens: GivenTokens | None = None) -> Adapter:
    """Return the adapter of `data.format`, its columns and labels checked.

    Args:
        data: `format`, `columns` and `labels` are read.
        tokens: reads token ids, for formats that hold them.

    Raises:
        ConfigError: an unknown format, or unknown, missing or mistyped columns and labels; token ids and no
            tokenizer.
    """
    if data.format not in FORMATS and data.format not in TOKEN_FORMATS:
        known = [*FORMATS, *TOKEN_FORMATS]
        raise ConfigError(f"data.format={data.format} is not known; {did_you_mean(data.format, known)}")
    if data.format in FORMATS:
        adapter = FORMATS[data.format](data)
    elif tokens is None:
        raise ConfigError(
            f"data.format={data.format}: whatever reads these rows has no tokenizer here; give rows of text, "
            "or judge them by a run or an export whose tokenizer made the ids"
        )
    else:
        adapter = TOKEN_FORMATS[data.format](data, tokens)

    def guarded(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        # A cell that cannot be used costs its row, not the run: the row leaves with a reason, and is counted.
        try:
            yield from adapter(origin, row)
        except UnusableCell as cell:
            yield Comparison(origin, (), (), "unread", problem=cell.problem)

    return guarded
