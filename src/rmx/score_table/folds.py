"""One score table of several models, each of which scored a part of the pairs, as a cross-fit has them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa

from rmx.score_table.tables import ScoreTable

__all__ = ["FOLD_TAG", "folds_of", "pool_folds"]

FOLD_TAG = "scored_by_fold"
"""Tag of a pair: the fold whose model gave its rewards. Rewards of two folds have no common shift or scale."""


def pool_folds(tables: Mapping[str, ScoreTable]) -> ScoreTable:
    """Return the rows of all tables, each with its fold as a tag.

    Args:
        tables: By fold, the table of one slice.

    Raises:
        DataError: Two folds scored the same pair.
    """
    parts = []
    for fold, scores in tables.items():
        tags = [_tagged(text, fold) for text in scores.table["tags"].to_pylist()]
        place = scores.table.schema.get_field_index("tags")
        parts.append(scores.table.set_column(place, "tags", pa.array(tags, pa.string())))
    return ScoreTable(pa.concat_tables(parts))


def folds_of(scores: ScoreTable) -> list[str] | None:
    """Return the fold of each row; None where one model scored all of them."""
    texts = scores.table["tags"].to_pylist()
    if not texts or FOLD_TAG not in texts[0]:
        return None
    found = [json.loads(text).get(FOLD_TAG) if FOLD_TAG in text else None for text in texts]
    return None if None in found else [str(fold) for fold in found]


def _tagged(tags: str, fold: str) -> str:
    return json.dumps({**(json.loads(tags) if tags else {}), FOLD_TAG: fold}, sort_keys=True, ensure_ascii=False)
