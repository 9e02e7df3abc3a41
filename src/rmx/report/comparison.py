"""Several runs on the same slices: what the page, the terminal and `comparison.json` say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rmx.audits.common import CommonSlice
from rmx.audits.files import write_json
from rmx.domain import AuditResult, GateDecision
from rmx.gate import explain

__all__ = ["ComparedRun", "Comparison", "write_comparison"]

Key = tuple[str, str, str]


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs."""

    name: str
    path: str
    """As it was given."""
    model: str
    """What was scored, in a sentence."""
    decision: GateDecision
    """On all that it has, as if it had been audited alone."""
    results: Sequence[AuditResult]
    """Of its scorer `model`, on what all runs have."""
    scores: Mapping[str, str]
    """Digest of its table of each slice, as it was read."""


@dataclass(frozen=True)
class Comparison:
    """Several runs on the same slices, pairs and edited texts."""

    runs: tuple[ComparedRun, ...]
    """The first is judged; the others stand beside it."""
    slices: Mapping[str, CommonSlice]
    missing: Mapping[str, str]
    """Slices that are not compared, and why."""
    differences: Sequence[AuditResult]
    """Accuracy of the judged run minus that of `detail.against`, paired."""
    lost: Mapping[str, Mapping[str, Sequence[str]]]
    """By slice and other run, the pairs that the other alone orders as labelled."""

    @property
    def judged(self) -> ComparedRun:
        """The run whose verdict counts."""
        return self.runs[0]

    @property
    def others(self) -> tuple[ComparedRun, ...]:
        """Those beside it."""
        return self.runs[1:]

    def metrics(self) -> dict[Key, tuple[AuditResult | None, ...]]:
        """Return what any run has a number of, by audit, slice and metric: one result a run, in their order."""
        found: dict[Key, list[AuditResult | None]] = {}
        for i, run in enumerate(self.runs):
            for result in run.results:
                row = found.setdefault((result.audit, result.slice, result.metric), [None] * len(self.runs))
                row[i] = result
        return {
            key: tuple(row) for key, row in found.items() if any(r is not None and r.estimate is not None for r in row)
        }


def write_comparison(path: Path, comparison: Comparison) -> None:
    """Write `comparison.json`: verdict of each run, paired differences, and every metric side by side."""
    names = [run.name for run in comparison.runs]
    write_json(
        {
            "judged": comparison.judged.name,
            "runs": [
                {
                    "name": run.name,
                    "path": run.path,
                    "model": run.model,
                    "gate": run.decision.gate,
                    "verdict": run.decision.verdict,
                    "simulated": run.decision.simulated,
                    "blocked_by": run.decision.blocked_by,
                    "requirements": [
                        {"name": o.name, "kind": o.kind, "status": o.status, "sentence": explain(o)}
                        for o in run.decision.requirements
                    ],
                    "scores": run.scores,
                }
                for run in comparison.runs
            ],
            "slices": {name: asdict(slice) for name, slice in comparison.slices.items()},
            "not_compared": comparison.missing,
            "differences": [asdict(result) for result in comparison.differences],
            "lost_pairs": comparison.lost,
            "metrics": [
                {
                    "audit": audit,
                    "slice": slice,
                    "metric": metric,
                    "results": {n: None if r is None else asdict(r) for n, r in zip(names, row, strict=True)},
                }
                for (audit, slice, metric), row in comparison.metrics().items()
            ],
        },
        path,
    )
