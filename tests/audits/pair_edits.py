"""Pairs both of whose completions a probe has edited, from plain arrays of rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from slices import scores

from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable, ScoreTable


def with_edits(
    before: np.ndarray | Sequence[Sequence[float]],
    after: Mapping[str, np.ndarray | Sequence[Sequence[float | None]]],
    *,
    probe: str,
    equal_is_unchanged: bool = True,
    groups: Sequence[Any] | np.ndarray | None = None,
    margins: np.ndarray | None = None,
) -> tuple[ScoreTable, dict[str, CandidateTable]]:
    """Rewards (n, 2) of chosen and rejected before, and after each variant: None where a side has no edit.

    An edit with the very reward of its original is the original itself, unless said otherwise. `margins` are those of
    further pairs that nobody edited.
    """
    before = np.asarray(before, dtype=float)
    n, names = len(before), list(range(len(before))) if groups is None else list(groups)
    more = np.array([] if margins is None else margins, dtype=float)
    ids = [[f"c{i:06d}", f"r{i:06d}"] for i in range(n + len(more))]
    rejected = np.concatenate([before[:, 1], np.zeros(len(more))])
    table = scores(
        np.concatenate([before[:, 0], more]) - np.concatenate([before[:, 1], np.zeros(len(more))]),
        rejected=rejected,
        groups=[*names, *(f"more{i}" for i in range(len(more)))],
        chosen_id=[c for c, _ in ids],
        rejected_id=[r for _, r in ids],
    )
    rows = []
    for i in range(n):
        for side in (0, 1):
            common = {"slice": "heldout", "group": f"g{names[i]}", "scorer": "model", "prompt_id": f"x{i}"}
            source, reward = ids[i][side], before[i, side]
            rows.append(common | {"candidate_id": source, "reward": reward})
            for variant, rewards in after.items():
                edit = rewards[i][side]
                if edit is not None:
                    own = {"probe": probe, "variant": variant, "source_id": source, "reward": float(edit)}
                    identity = source if equal_is_unchanged and edit == reward else f"{source}-{variant}"
                    rows.append(common | own | {"candidate_id": identity})
    return table, {"heldout": CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))}
