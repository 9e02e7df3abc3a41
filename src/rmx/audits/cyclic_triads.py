"""A23: how often do the labels themselves go round in circles, so that no scalar reward can agree with them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rmx.audits.accuracy import accuracy_interval
from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.domain import AuditResult
from rmx.score_table import ScoreView

__all__ = ["CyclicTriads"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class CyclicTriads(Audit):
    """Share of label triads that are cyclic: A over B, B over C and yet C over A. Labels of coins give one quarter.

    A triad is three candidates of a group with all three pairs labelled; of several labels of two candidates the
    majority counts, and an even split is none. A scalar reward orders any three candidates, so it gets at least one
    pair of every cyclic triad wrong: an error of the labels that no training removes. With B the 0/1 matrix of who
    beats whom, trace(B³)/3 triads are cyclic and trace((B + Bᵀ)³)/6 are complete (Kendall & Babington Smith 1940).
    """

    name: ClassVar[str] = "cyclic_triads"
    metrics: ClassVar[tuple[str, ...]] = ("cyclic_share",)

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice, the same for every scorer; `n_groups` counts groups that have triads.

        `detail` counts the triads.
        """
        view = evidence.view(slice, scorer)
        if None in view.chosen_ids or None in view.rejected_ids:
            raise UnavailableError("not_provided", f"no chosen_id and rejected_id of every pair of slice {slice}")
        cyclic, triads = _count(view)
        total = int(triads.sum())
        if not total:
            raise UnavailableError("not_applicable", f"no three candidates of slice {slice} with all pairs labelled")
        codes = np.repeat(np.arange(len(triads)), triads)
        ranks = np.arange(total) - np.repeat(np.cumsum(triads) - triads, triads)
        interval = accuracy_interval((ranks < np.repeat(cyclic, triads)).astype(np.float64), codes)
        return [
            self.answer(
                "cyclic_share",
                interval,
                slice=slice,
                scorer=scorer,
                n_pairs=len(view),
                n_groups=int((triads > 0).sum()),
                detail={"triads": total, "cyclic": int(cyclic.sum())},
            )
        ]


def _count(view: ScoreView) -> tuple[Counts, Counts]:
    """Return the cyclic triads and all triads of each group, (groups,)."""
    from scipy.sparse import csr_array

    groups = np.tile(view.group_codes, 2)
    _, ids = np.unique([str(i) for i in (*view.chosen_ids, *view.rejected_ids)], return_inverse=True)
    keys, nodes = np.unique(groups * (ids.max() + 1) + ids, return_inverse=True)
    home = keys // (ids.max() + 1)
    winner, loser = np.split(nodes, 2)
    votes = csr_array((np.ones(len(winner), np.int64), (winner, loser)), shape=(len(keys), len(keys)))
    net = votes - votes.T
    beats = (net > 0).astype(np.int64)
    linked = beats + beats.T
    # Row sums of B ∘ (B²)ᵀ are the diagonal of B³: every cycle once at each of its three candidates.
    per_node = ((beats * (beats @ beats).T).sum(axis=1), (linked * (linked @ linked)).sum(axis=1))
    cycles, closed = (np.bincount(home, weights=n, minlength=view.n_groups).round().astype(np.int64) for n in per_node)
    return cycles // 3, closed // 6
