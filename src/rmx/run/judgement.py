"""From scores to a verdict: audits, gate, and what a run leaves of them. Shared by train, evaluate and audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.audits.runner import run_audits
from rmx.config.schema import GateConfig
from rmx.domain import AuditResult, GateDecision
from rmx.gate import decide, write_decision, write_results
from rmx.run.directory import RunDirectory
from rmx.score_table import write_table

__all__ = ["Judgement", "exit_status", "judge", "write_scores"]


@dataclass(frozen=True)
class Judgement:
    """What the audits found and what the gate makes of it."""

    results: Sequence[AuditResult]
    decision: GateDecision


def judge(evidence: Evidence, audits: Sequence[Audit], gate: GateConfig, directory: RunDirectory) -> Judgement:
    """Audit the evidence, decide, and write audits.json and gate.json."""
    results = run_audits(audits, evidence)
    decision = decide(results, gate, label_sources=evidence.label_sources())
    write_results(results, directory.audits)
    write_decision(decision, directory.gate)
    return Judgement(results, decision)


def write_scores(evidence: Evidence, directory: RunDirectory, metadata: Mapping[str, Any]) -> None:
    """Write scores/SLICE.parquet and scores/SLICE.candidates.parquet."""
    directory.scores.mkdir(exist_ok=True)
    for name, table in evidence.scores.items():
        write_table(table, directory.scores / f"{name}.parquet")
    for name, candidates in evidence.candidates.items():
        write_table(candidates, directory.scores / f"{name}.candidates.parquet")


def exit_status(decision: GateDecision, gate: GateConfig) -> int:
    """Return 0, or with `gate.enforce` 3 for FAIL and 4 for INCONCLUSIVE."""
    return {"PASS": 0, "FAIL": 3, "INCONCLUSIVE": 4}[decision.verdict] if gate.enforce else 0
