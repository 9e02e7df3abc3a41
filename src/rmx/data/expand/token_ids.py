"""Pairs that are tokenised already: the whole chosen and the whole rejected sequence as lists of token ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.comparison import Comparison
from rmx.data.expand.adapter import Adapter, CommonColumns, common_fields
from rmx.data.expand.cells import UnusableCell, cell, has_cell
from rmx.data.given_tokens import GivenTokens
from rmx.domain import Origin

__all__ = ["token_ids_adapter"]

_LEGACY = {"chosen_ids": "chosen_input_ids", "rejected_ids": "rejected_input_ids"}
"""Names that TRL gave the columns before."""


@dataclass(frozen=True, kw_only=True)
class TokenColumns(CommonColumns):
    """Which column plays which part; the prompt ends where the template opens the answers."""

    chosen: str = "chosen_ids"
    """Of prompt and completion, up to and including the terminal token. Where the row lacks it, `chosen_input_ids`."""
    rejected: str = "rejected_ids"


def token_ids_adapter(data: DataConfig, tokens: GivenTokens) -> Adapter:
    """Return the adapter with its columns checked."""
    columns = build_strict(TokenColumns, data.columns, where="data.columns")

    def adapt(origin: Origin, row: Mapping[str, Any]) -> Iterator[Comparison]:
        chosen = _ids(origin, row, columns.chosen, "chosen", tokens)
        rejected = _ids(origin, row, columns.rejected, "rejected", tokens)
        length = tokens.prompt_length(chosen, rejected)
        prompt = tokens.prompt(chosen[:length])
        yield Comparison(
            origin,
            (prompt, tokens.completion(chosen[length:])),
            (prompt, tokens.completion(rejected[length:])),
            "first",
            **common_fields(origin, row, columns, data.label_source),
        )

    return adapt


def _ids(origin: Origin, row: Mapping[str, Any], column: str, part: str, tokens: GivenTokens) -> Sequence[int]:
    name = column if has_cell(row, column) else _LEGACY.get(column, column)
    ids = cell(origin, row, name if has_cell(row, name) else column, part)
    wrong = tokens.problem(ids) if isinstance(ids, list | tuple) else "is no list of token ids"
    if wrong is not None:
        raise UnusableCell("invalid_token_ids", f"column {name!r}: {wrong}")
    return list(ids)
