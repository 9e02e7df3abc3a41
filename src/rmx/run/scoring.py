"""Score tables of a run: the model's rewards and the trivial baselines' on the same texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rmx.audits.evidence import Evidence
from rmx.run.corpus import SliceData
from rmx.run.judgement import validation_temperature
from rmx.score_table import CandidateTable, ScoreTable, join_scores
from rmx.scorers.base import Scorer

__all__ = ["build_evidence"]


def build_evidence(
    slices: Mapping[str, SliceData],
    rewards: Mapping[str, NDArray[np.float64]],
    baselines: Sequence[Scorer],
    ledger: Mapping[str, Any] | None,
    rescored: Mapping[str, CandidateTable],
) -> Evidence:
    """Return what the audits read.

    Args:
        slices: Texts and comparisons by slice.
        rewards: The model's rewards of each slice's texts, float64 (n,).
        baselines: Scorers that "better than trivial" is measured against, on the same texts.
        ledger: ledger.json of the data that the model was trained on, where they are known.
        rescored: Texts of a slice that the model scored again, see `rmx.run.rescoring`.
    """
    candidates: dict[str, CandidateTable] = {}
    scores: dict[str, ScoreTable] = {}
    for name, data in slices.items():
        tables = [data.texts.scored("model", rewards[name])]
        tables += [data.texts.scored(b.name, b.score(data.texts.candidates)) for b in baselines]
        tables += [rescored[name]] if name in rescored else []
        candidates[name] = CandidateTable(pa.concat_tables([t.table for t in tables]))
        if len(data.comparisons):
            scores[name] = join_scores(candidates[name], data.comparisons)
    return Evidence(scores=scores, candidates=candidates, ledger=ledger, temperature=validation_temperature(scores))
