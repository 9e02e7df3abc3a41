"""Pairs both of whose completions were edited alike, with the rewards before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.audits.statistics import Clusters
from rmx.score_table import ScoreView

__all__ = ["EditedPairs", "edited_pairs"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EditedPairs:
    """Comparisons under an edit; every array has shape (n,) unless it says (n, 2): chosen, rejected."""

    members: NDArray[np.int64]
    """Position of each comparison's pair in the view."""
    groups: NDArray[np.int64]
    before: Floats
    """Rewards (n, 2) of the original completions."""
    after: Floats
    """Rewards (n, 2) of the edited ones."""
    changed: NDArray[np.bool_]
    """(n, 2): whether the edit changed the text at all; of every comparison it changed at least one."""
    edits: NDArray[np.str_]
    """(n, 2): ids of the edited candidates."""

    def __len__(self) -> int:
        return len(self.members)

    @property
    def wins(self) -> Floats:
        """1 where the chosen original scores higher, 0.5 on an exact tie, 0 otherwise."""
        return (np.sign(self.before[:, 0] - self.before[:, 1]) + 1) / 2

    @property
    def wins_after(self) -> Floats:
        """The same of the edited completions."""
        return (np.sign(self.after[:, 0] - self.after[:, 1]) + 1) / 2

    @property
    def clusters(self) -> Clusters:
        """The groups of the comparisons."""
        return Clusters(self.groups)


def edited_pairs(evidence: Evidence, view: ScoreView, probe: str) -> dict[str, EditedPairs]:
    """Return, by variant of the probe, the pairs of which both completions have it, after the same prompt.

    A completion that a variant leaves as it is stands among the edits as itself; a pair of two such is left out.

    Raises:
        UnavailableError: No edits were scored, the table does not name its candidates, or no pair has both its edits.
        NotFiniteError: A reward is NaN or infinite.
    """
    _, table = evidence.edits(view.slice, view.scorer, probe)
    if view.chosen is None or view.rejected is None:
        raise UnavailableError("not_applicable", f"{view.scorer} gives margins only and has no level")
    before = np.column_stack([view.chosen, view.rejected])
    found = {}
    for variant, edits in sorted(_by_source(table).items()):
        members, after, changed, ids = [], [], [], []
        for i, sides in enumerate(zip(view.chosen_ids, view.rejected_ids, strict=True)):
            chosen, rejected = (edits.get(str(side), {}) for side in sides)
            # A completion of several pairs may have met a foreign prompt for each of them.
            prompt = min(chosen.keys() & rejected.keys(), default=None)
            if prompt is not None and (chosen[prompt].changed or rejected[prompt].changed):
                members.append(i)
                after.append([chosen[prompt].reward, rejected[prompt].reward])
                changed.append([chosen[prompt].changed, rejected[prompt].changed])
                ids.append([chosen[prompt].candidate_id, rejected[prompt].candidate_id])
        if members:
            index = np.array(members, np.int64)
            found[variant] = EditedPairs(
                index, view.group_codes[index], before[index], np.array(after), np.array(changed), np.array(ids)
            )
    if not found:
        missing = f"no pair of slice {view.slice} with edits of probe {probe} of both its completions"
        raise UnavailableError("not_provided", missing)
    return found


class _Edit(NamedTuple):
    reward: float
    changed: bool
    candidate_id: str


def _by_source(table: pa.Table) -> dict[str, dict[str, dict[str, _Edit]]]:
    """Return the edits by variant, source and prompt."""
    found: dict[str, dict[str, dict[str, _Edit]]] = {}
    columns = ["variant", "source_id", "prompt_id", "candidate_id", "reward"]
    for row in table.select(columns).to_pylist():
        variant, source, reward = row["variant"], row["source_id"], row["reward"]
        if reward is None or not np.isfinite(reward):
            raise NotFiniteError(f"the reward of the {variant} edit of completion {source} is not finite")
        of_source = found.setdefault(variant, {}).setdefault(source, {})
        of_source[row["prompt_id"]] = _Edit(reward, row["candidate_id"] != source, row["candidate_id"])
    return found
