"""Score tables of a run: the model's rewards and the trivial baselines' on the same texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rmx.audits.evidence import Evidence
from rmx.run.corpus import TextSlice
from rmx.run.judgement import validation_temperature
from rmx.score_table import CandidateTable, ScoreTable, join_scores
from rmx.scorers.base import Scorer

__all__ = ["build_evidence", "build_pairwise_evidence"]


def build_evidence(
    slices: Mapping[str, TextSlice],
    rewards: Mapping[str, NDArray[np.float64]],
    baselines: Sequence[Scorer],
    ledger: Mapping[str, Any] | None,
    rescored: Mapping[str, CandidateTable],
    parts: Mapping[str, Mapping[str, NDArray[np.float64]]] | None = None,
) -> Evidence:
    """Return what the audits read.

    Args:
        slices: Texts and comparisons by slice.
        rewards: The model's rewards of each slice's texts, float64 (n,).
        baselines: Scorers that "better than trivial" is measured against, on the same texts.
        ledger: ledger.json of the data that the model was trained on, where they are known.
        rescored: Texts of a slice that the model scored again, see `rmx.run.rescoring`.
        parts: By slice and name, the rewards (n,) that the model's were made of.
    """
    candidates: dict[str, CandidateTable] = {}
    scores: dict[str, ScoreTable] = {}
    for name, data in slices.items():
        tables = [data.texts.scored("model", rewards[name])]
        tables += [data.texts.scored(part, values) for part, values in (parts or {}).get(name, {}).items()]
        tables += [data.texts.scored(b.name, b.score(data.texts.candidates)) for b in baselines]
        tables += [rescored[name]] if name in rescored else []
        candidates[name] = CandidateTable(pa.concat_tables([t.table for t in tables]))
        if len(data.comparisons):
            scores[name] = join_scores(candidates[name], data.comparisons)
    return Evidence(scores=scores, candidates=candidates, ledger=ledger, temperature=validation_temperature(scores))


def build_pairwise_evidence(
    slices: Mapping[str, TextSlice],
    margins: Mapping[str, Mapping[str, NDArray[np.float64]]],
    baselines: Sequence[Scorer],
    ledger: Mapping[str, Any] | None,
) -> Evidence:
    """Return what the audits read of a pairwise judge: margins, and those of the baselines on the same pairs.

    Args:
        slices: Texts and comparisons by slice, each with pairs.
        margins: By slice and scorer, float64 (pairs,), in the order of the slice's pairs; `model` is judged.
        baselines: As for `build_evidence`.
        ledger: As for `build_evidence`.
    """
    scores: dict[str, ScoreTable] = {}
    candidates: dict[str, CandidateTable] = {}
    for name, data in slices.items():
        # A table of levels to have the static columns from; a judge has none, so they are zeros that nobody sees.
        levels = data.texts.scored("model", np.zeros(len(data.texts.candidates)))
        static = join_scores(levels, data.comparisons).margins_only().table
        ids = static["pair_id"].to_pylist()
        tables = []
        for scorer, values in margins[name].items():
            by_pair = dict(zip((p.pair_id for p in data.slice.pairs), values.tolist(), strict=True))
            column = pa.array([by_pair[i] for i in ids], pa.float64())
            tables.append(
                static.set_column(static.schema.get_field_index("margin"), "margin", column).set_column(
                    static.schema.get_field_index("scorer"), "scorer", pa.array([scorer] * len(ids), pa.string())
                )
            )
        scores[name] = ScoreTable(pa.concat_tables(tables))
        if baselines:
            scored = [data.texts.scored(b.name, b.score(data.texts.candidates)).table for b in baselines]
            candidates[name] = CandidateTable(pa.concat_tables(scored))
            scores[name] = scores[name].merge(join_scores(candidates[name], data.comparisons).margins_only())
    return Evidence(scores=scores, candidates=candidates, ledger=ledger, temperature=validation_temperature(scores))
