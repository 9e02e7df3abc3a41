"""Score tables and candidates made from plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rmx.audits import Evidence
from rmx.audits.base import Audit
from rmx.audits.runner import run_audits
from rmx.domain import AuditResult
from rmx.score_table import CANDIDATE_COLUMNS, SCORE_COLUMNS, CandidateTable, ScoreTable


def scores(
    margins: Sequence[float] | np.ndarray,
    *,
    groups: Sequence[Any] | np.ndarray | None = None,
    slice: str = "heldout",
    scorer: str = "model",
    rejected: Sequence[float] | np.ndarray | None = None,
    **columns: Any,
) -> ScoreTable:
    """A table of one scorer; each pair its own group unless given."""
    margins = np.asarray(margins, dtype=float)
    n = len(margins)
    rejected = np.zeros(n) if rejected is None else np.asarray(rejected, dtype=float)
    groups = range(n) if groups is None else groups
    data: dict[str, Any] = dict.fromkeys(SCORE_COLUMNS.names)
    data |= {
        "pair_id": [f"p{i:06d}" for i in range(n)],
        "group": [f"g{g}" for g in groups],
        "slice": [slice] * n,
        "scorer": [scorer] * n,
        "chosen_reward": rejected + margins,
        "rejected_reward": rejected,
        "label_source": ["human"] * n,
        **columns,
    }
    nothing = [None] * n
    return ScoreTable(pa.table({k: nothing if v is None else list(v) for k, v in data.items()}, schema=SCORE_COLUMNS))


def wins_to_margins(wins: Sequence[float] | np.ndarray) -> np.ndarray:
    """Margins of +1, 0 and -1 for wins of 1, 1/2 and 0."""
    return 2 * np.asarray(wins, dtype=float) - 1


def edited(
    originals: Sequence[float],
    edits: dict[str, Sequence[float | None]],
    *,
    groups: Sequence[Any] | None = None,
    slice: str = "heldout",
    scorer: str = "model",
    probe: str = "length",
) -> CandidateTable:
    """Candidates with edits: `edits` holds the reward of each variant per original, None where there is none."""
    groups = list(range(len(originals))) if groups is None else list(groups)
    rows = []
    for i, reward in enumerate(originals):
        common = {"slice": slice, "group": f"g{groups[i]}", "scorer": scorer, "tokens": 10, "gold": None}
        source = f"c{i:06d}"
        rows.append(common | {"candidate_id": source, "reward": reward, "probe": "", "variant": "", "source_id": ""})
        for variant, rewards in edits.items():
            if rewards[i] is not None:
                name = {"probe": probe, "variant": variant, "source_id": source}
                rows.append(common | name | {"candidate_id": f"{source}-{variant}", "reward": rewards[i]})
    return CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))


def ask(audit: Audit, *tables: ScoreTable, **evidence: Any) -> dict[tuple[str, str, str], AuditResult]:
    """Run one audit; results by slice, scorer and metric."""
    by_slice: dict[str, ScoreTable] = {}
    for table in tables:
        for name, part in table.by_slice().items():
            by_slice[name] = by_slice[name].merge(part) if name in by_slice else part
    results = run_audits([audit], Evidence(scores=by_slice, **evidence))
    return {(r.slice, r.scorer, r.metric): r for r in results}


def one(audit: Audit, *tables: ScoreTable, metric: str | None = None, **evidence: Any) -> AuditResult:
    """Run one audit and return its single result, or that of `metric`."""
    results = [r for r in ask(audit, *tables, **evidence).values() if metric is None or r.metric == metric]
    assert len(results) == 1
    return results[0]
