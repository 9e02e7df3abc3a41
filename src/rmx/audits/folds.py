"""Evidence of a cross-fit: how many models scored it, and their rewards on one scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rmx.audits.evidence import Evidence
from rmx.score_table import CandidateTable, ScoreTable, folds_of

__all__ = ["count_folds", "standardised"]

UNIT = "heldout"
"""The slice whose pairs say where a model's rewards lie and how wide they are spread."""

Units = dict[tuple[str, str], tuple[float, float]]
"""By scorer and fold: mean reward, and standard deviation of the margin."""


def count_folds(evidence: Evidence) -> int:
    """Return how many models share the pairs of a slice between them; 0 where one model scored everything."""
    found = (folds_of(table) for table in evidence.scores.values())
    return max((len(set(folds)) for folds in found if folds is not None), default=0)


def standardised(evidence: Evidence) -> Evidence:
    """Return the evidence with the rewards of every fold's model in standard deviations of its own margins.

    r' = (r - mean r) / sd(d), both of that fold's heldout pairs, for the model and for every baseline. No label is read
    for it beyond which side d is counted from. Edited texts are treated as the pair they were made of; samples, whose
    rows name no fold, stay as they are.
    """
    folds = {name: folds_of(table) for name, table in evidence.scores.items()}
    reference = folds.get(UNIT)
    units = {} if reference is None else _units(evidence.scores[UNIT], reference)
    scores, candidates = dict(evidence.scores), dict(evidence.candidates)
    for name, of_rows in folds.items():
        if of_rows is None:
            continue
        table = evidence.scores[name]
        known = {**_units(table, of_rows), **units}
        scores[name] = ScoreTable(_rescaled(table.table, of_rows, known), table.metadata)
        if name in candidates:
            of_group = dict(zip(table.table["group"].to_pylist(), of_rows, strict=True))
            rows = candidates[name].table
            of_texts = [of_group.get(group, "") for group in rows["group"].to_pylist()]
            candidates[name] = CandidateTable(_rescaled(rows, of_texts, known), candidates[name].metadata)
    return replace(evidence, scores=scores, candidates=candidates)


def _units(scores: ScoreTable, folds: list[str]) -> Units:
    of_row, of_scorer = np.array(folds), scores.table["scorer"].to_numpy(zero_copy_only=False).astype(str)
    units: Units = {}
    for scorer in scores.scorers:
        for fold in sorted(set(folds)):
            here = (of_row == fold) & (of_scorer == scorer)
            if scores.kind == "pairwise":
                levels, margins = np.zeros(1), _column(scores.table, "margin")[here]
            else:
                chosen, rejected = (_column(scores.table, f"{side}_reward")[here] for side in ("chosen", "rejected"))
                levels, margins = np.concatenate([chosen, rejected]), chosen - rejected
            if here.any():
                # A model that tells nothing apart has no unit, and needs none.
                units[scorer, fold] = float(levels.mean()), float(margins.std()) or 1.0
    return units


def _rescaled(rows: pa.Table, folds: list[str], units: Units) -> pa.Table:
    scorers = rows["scorer"].to_pylist()
    mean, spread = np.array([units.get(key, (0.0, 1.0)) for key in zip(scorers, folds, strict=True)]).T
    for name, shift in (("reward", mean), ("chosen_reward", mean), ("rejected_reward", mean), ("margin", 0.0)):
        if name in rows.column_names:
            values = pa.array((_column(rows, name) - shift) / spread, pa.float64())
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


def _column(rows: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(rows[name].fill_null(float("nan")).to_numpy(), dtype=np.float64)
