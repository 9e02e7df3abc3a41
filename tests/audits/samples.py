"""Slices of samples made from plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from slices import ask

from rmx.audits.base import Audit
from rmx.domain import AuditResult
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable


def samples(
    rewards: Sequence[Sequence[float]] | np.ndarray,
    gold: Sequence[Sequence[float | None]] | np.ndarray | None = None,
    *,
    groups: Sequence[Any] | None = None,
    counts: Sequence[Sequence[int]] | None = None,
    slice: str = "samples",
    scorer: str = "model",
) -> CandidateTable:
    """One prompt per row of `rewards`; each prompt its own group unless given."""
    rows = []
    for p, of_prompt in enumerate(rewards):
        for k, reward in enumerate(of_prompt):
            rows.append(
                {
                    "slice": slice,
                    "group": f"g{p if groups is None else groups[p]}",
                    "candidate_id": f"c{p:05d}-{k:05d}",
                    "scorer": scorer,
                    "reward": float(reward),
                    "gold": None if gold is None else gold[p][k],
                    "prompt_id": f"p{p:06d}",
                    "count": None if counts is None else counts[p][k],
                }
            )
    return CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))


def results(audit: Audit, table: CandidateTable) -> dict[str, AuditResult]:
    """Run an audit on the slice `samples`; results by metric."""
    found = ask(audit, candidates={"samples": table})
    return {metric: result for (_, _, metric), result in found.items()}


def exploit_world(h: float, *, prompts: int, n: int, seed: int, loss: float = 1.5) -> CandidateTable:
    """2% of the answers carry a token that pays `h` in proxy and costs `loss` in gold; proxy noise .6."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=(prompts, n))
    exploits = rng.random((prompts, n)) < 0.02
    return samples(quality + h * exploits + rng.normal(0, 0.6, (prompts, n)), quality - loss * exploits)
