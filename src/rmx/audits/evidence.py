"""What audits may look at, and how they say that something is missing or unusable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from rmx.audits.samples import Samples, samples_of
from rmx.score_table import CandidateTable, ScoreTable, ScoreView

__all__ = ["Evidence", "NotFiniteError", "UnavailableError"]


class UnavailableError(Exception):
    """An audit cannot answer; its requirement stays unproved.

    `reason` is `not_provided`, `not_applicable`, or a plain sentence; `missing` says what was looked for.
    """

    def __init__(self, reason: str, missing: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.missing = missing


class NotFiniteError(Exception):
    """The scorer gave NaN or an infinity: the audit fails, whatever the other numbers are."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the audits of one reward read."""

    scores: Mapping[str, ScoreTable] = field(default_factory=dict)
    """Score table of each slice, with the rows of every scorer."""
    candidates: Mapping[str, CandidateTable] = field(default_factory=dict)
    """Candidates of each slice, the edited texts of probes among them. A slice of samples has no score table."""
    ledger: Mapping[str, Any] | None = None
    """What `data/ledger.json` holds, where the data were prepared here."""
    temperature: float | None = None
    """Temperature fitted on validation; None where there is none."""

    def view(self, slice: str, scorer: str) -> ScoreView:
        """Return a scorer's rows of a slice.

        Raises:
            UnavailableError: The slice was not given, or the scorer has no rows on it.
            NotFiniteError: A reward is NaN or infinite.
        """
        table = self.scores.get(slice)
        if table is None or len(table) == 0:
            raise UnavailableError("not_provided", f"no scores of slice {slice}")
        view = table.view(scorer)
        if view is None:
            raise UnavailableError("not_provided", f"no scores by {scorer} on slice {slice}")
        bad = np.flatnonzero(~np.isfinite(view.margins))
        if len(bad):
            raise NotFiniteError(
                f"{len(bad)} of {len(view)} margins are not finite, first that of pair {view.pair_ids[bad[0]]}"
            )
        return view

    def edits(self, slice: str, scorer: str, probe: str) -> tuple[pa.Table, pa.Table]:
        """Return a scorer's original and edited candidates of a slice.

        Raises:
            UnavailableError: The candidates, or the edits of this probe, were not given or not scored.
        """
        table = self.candidates.get(slice)
        scores = self.scores.get(slice)
        if scores is not None and scores.kind == "pairwise":
            raise UnavailableError("not_applicable", f"{scorer} gives margins only and has no level")
        if table is None or len(table) == 0:
            raise UnavailableError("not_provided", f"no candidates of slice {slice}")
        edited = table.of(scorer, probe=probe)
        if edited.num_rows == 0:
            raise UnavailableError("not_provided", f"no edits of probe {probe} scored by {scorer} on slice {slice}")
        return table.of(scorer), edited

    def samples(self, slice: str, scorer: str) -> Samples:
        """Return a scorer's rewards of a slice of samples.

        Raises:
            UnavailableError: The samples were not given, or the scorer has not scored them.
            NotFiniteError: A reward is NaN or infinite.
        """
        table = self.candidates.get(slice)
        if table is None or len(table) == 0 or slice in self.scores:
            raise UnavailableError("not_provided", f"no samples in slice {slice}")
        rows = table.of(scorer)
        if rows.num_rows == 0:
            raise UnavailableError("not_provided", f"no samples scored by {scorer} in slice {slice}")
        found = samples_of(rows)
        for prompt, rewards in zip(found.prompts, found.rewards, strict=True):
            if not np.isfinite(rewards).all():
                raise NotFiniteError(f"a reward of a sample of prompt {prompt} is not finite")
        return found

    def scorers(self, slice: str) -> tuple[str, ...]:
        """Return the names of the scorers of a slice of pairs or of samples, sorted; none where it was not given."""
        table = self.judged().get(slice)
        return () if table is None else table.scorers

    def judged(self) -> dict[str, ScoreTable | CandidateTable]:
        """Return the table that each slice is judged by: its scores, or of samples its candidates."""
        samples = {name: table for name, table in self.candidates.items() if name not in self.scores}
        return {**self.scores, **samples}

    def label_sources(self) -> dict[str, tuple[str, ...]]:
        """Return the distinct label sources of each slice, which the gate wants to know; gold rewards label samples."""
        found = {name: table.label_sources for name, table in self.judged().items()}
        return {name: sources for name, sources in sorted(found.items()) if sources}
