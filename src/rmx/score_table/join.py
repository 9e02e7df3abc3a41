"""Candidates joined with comparisons: rewards looked up by candidate, one row per pair and scorer."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rmx.errors import DataError
from rmx.score_table.schema import SCORE_COLUMNS
from rmx.score_table.tables import CandidateTable, Comparisons, ScoreTable

__all__ = ["join_scores"]


def join_scores(candidates: CandidateTable, comparisons: Comparisons) -> ScoreTable:
    """Return chosen and rejected rewards of every comparison, for every scorer among the candidates.

    Only original texts are joined (`probe` empty); metadata of both sides is kept, that of the candidates winning.

    Raises:
        DataError: A comparison names a candidate that a scorer did not score.
    """
    parts = [_join_one(candidates, comparisons, scorer) for scorer in candidates.scorers]
    if not parts:
        raise DataError("no candidate has a score; score the slice before joining it with its comparisons")
    return ScoreTable(pa.concat_tables(parts), {**comparisons.metadata, **candidates.metadata})


def _join_one(candidates: CandidateTable, comparisons: Comparisons, scorer: str) -> pa.Table:
    originals = candidates.of(scorer)
    known = pc.binary_join_element_wise(originals["slice"], originals["candidate_id"], "\x1f").combine_chunks()
    static = comparisons.table
    columns: dict[str, Any] = {name: static[name] for name in SCORE_COLUMNS.names if name in static.column_names}
    columns["scorer"] = pa.array([scorer] * static.num_rows, pa.string())
    for side in ("chosen", "rejected"):
        wanted = pc.binary_join_element_wise(static["slice"], static[f"{side}_id"], "\x1f")
        found = pc.index_in(wanted, value_set=known)
        if found.null_count:
            row = pc.index(pc.is_null(found), True).as_py()
            missing = static.slice(row, 1).to_pylist()[0]
            raise DataError(
                f"pair {missing['pair_id']} of slice {missing['slice']}: its {side} candidate "
                f"{missing[f'{side}_id']} has no score by {scorer}; score every candidate of the slice first"
            )
        columns[f"{side}_reward"] = originals["reward"].take(found)
        columns[f"{side}_tokens"] = originals["tokens"].take(found)
    return pa.table([columns[name] for name in SCORE_COLUMNS.names], schema=SCORE_COLUMNS)
