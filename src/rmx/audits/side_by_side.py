"""Several scorings of the same pairs against each other: which is right more often, and which pairs it loses."""

from __future__ import annotations

import pyarrow as pa

from rmx.audits.common import MODEL, Common, judged_rows
from rmx.audits.evidence import Evidence
from rmx.audits.paired import Paired
from rmx.audits.runner import run_audits
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable

__all__ = ["lost_pairs", "paired_differences"]


def paired_differences(common: Common) -> list[AuditResult]:
    """Return, for every common slice and every other one, the first one's accuracy minus its accuracy.

    See `rmx.audits.paired`; `detail.against` names the other. Groups are those of the first.
    """
    _, *others = common.evidence
    tables = {slice: _side_by_side(slice, common) for slice in common.slices if slice in _first(common).scores}
    audits = [Paired(slices=tuple(tables), against=name) for name in others]
    return run_audits(audits, Evidence(scores=tables))


def lost_pairs(common: Common) -> dict[str, dict[str, list[str]]]:
    """Return by slice and other one the pairs that it alone orders as labelled, those the first errs furthest on first.

    A tie is half: a pair that one orders and the other ties is among them.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for slice, table in _first(common).scores.items():
        mine = table.view(MODEL)
        for name, evidence in list(common.evidence.items())[1:]:
            other = evidence.scores[slice].view(MODEL)
            if mine is None or other is None:
                continue
            lost = [i for i in mine.margins.argsort(kind="stable").tolist() if mine.wins[i] < other.wins[i]]
            found.setdefault(slice, {})[name] = [mine.pair_ids[i] for i in lost]
    return found


def _first(common: Common) -> Evidence:
    return next(iter(common.evidence.values()))


def _side_by_side(slice: str, common: Common) -> ScoreTable:
    """Return one table of one slice with the judged rows of all, each other one under its own name."""
    tables = {name: evidence.scores[slice] for name, evidence in common.evidence.items()}
    if len({table.kind for table in tables.values()}) > 1:
        tables = {name: table.margins_only() for name, table in tables.items()}
    parts: list[pa.Table] = []
    for name, table in tables.items():
        rows = judged_rows(table)
        scorer = pa.array([name if parts else MODEL] * rows.num_rows, pa.string())
        parts.append(rows.set_column(rows.schema.get_field_index("scorer"), "scorer", scorer))
    return ScoreTable(pa.concat_tables(parts))
