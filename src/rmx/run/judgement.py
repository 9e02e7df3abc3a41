"""From scores to a verdict: audits, gate, and what a run leaves of them. Shared by train, evaluate and audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.audits.examples import Example
from rmx.audits.files import write_results
from rmx.audits.folds import count_folds
from rmx.audits.runner import find_examples, run_audits
from rmx.audits.temperature import fit_temperature
from rmx.config.schema import GateConfig
from rmx.domain import AuditResult, Candidate, GateDecision
from rmx.gate import decide, write_gate
from rmx.record import RunRecord
from rmx.report.comparison import Comparison, write_comparison
from rmx.report.decision import Decision
from rmx.report.html import write_report
from rmx.report.summary import judged_scorer
from rmx.report.terminal import print_verdict
from rmx.run.directory import RunDirectory
from rmx.run.examples import write_examples
from rmx.run.finished import SCORES
from rmx.score_table import ScoreTable, write_table

__all__ = ["Judgement", "exit_status", "judge", "show", "validation_temperature"]


@dataclass(frozen=True)
class Judgement:
    """What the audits found and what the gate makes of it."""

    results: Sequence[AuditResult]
    decision: GateDecision
    examples: Sequence[Example]
    """Single cases of the judged scorer, named by the ids of their texts."""


def judge(
    evidence: Evidence,
    audits: Sequence[Audit],
    gate: GateConfig,
    directory: RunDirectory,
    fingerprints: Mapping[str, str],
) -> Judgement:
    """Audit the evidence, decide, and write scores, audits.json and gate.json.

    The tables carry the fingerprints of what they come from, and gate.json the digests of the tables: what is audited
    again can be told from what was judged.
    """
    _write_scores(evidence, directory, fingerprints)
    digests = {f"{SCORES}{name}": table.digest for name, table in evidence.judged().items()}
    results = run_audits(audits, evidence)
    decision = decide(results, gate, label_sources=evidence.label_sources(), folds=count_folds(evidence))
    write_results(results, directory.audits)
    write_gate(decision, directory.gate, audits=directory.audits, fingerprints={**fingerprints, **digests})
    examples = find_examples(audits, evidence, results, scorer=judged_scorer(decision, results))
    return Judgement(results, decision, examples)


def show(
    judgement: Judgement,
    evidence: Evidence,
    directory: RunDirectory,
    *,
    record: RunRecord,
    config: Mapping[str, Any],
    model_facts: Mapping[str, Any],
    texts: Mapping[str, Candidate],
    comparison: Comparison | None = None,
    recommended: Decision | None = None,
) -> None:
    """Write what people read, report.html and what stands behind it, and print the verdict.

    Args:
        judgement: Results, verdict and examples.
        evidence: What was audited.
        directory: Where everything goes.
        record: What the run was; it ends here.
        config: The resolved configuration, secrets redacted.
        model_facts: See `rmx.report.summary.model_sentence`.
        texts: Texts by candidate, at least those of the examples; none where only scores are at hand.
        comparison: With other scores of the same slices.
        recommended: Between an explicit reward model and DPO.
    """
    record.finish()
    record.write(directory.record)
    write_examples(directory.examples, judgement.examples, texts)
    if comparison is not None:
        write_comparison(directory.comparison, comparison)
    write_report(
        directory.report,
        decision=judgement.decision,
        results=judgement.results,
        scores=evidence.scores,
        examples=judgement.examples,
        texts=texts,
        comparison=comparison,
        recommended=recommended,
        ledger=evidence.ledger,
        curve=directory.metrics if directory.metrics.exists() else None,
        record=record.to_json(),
        config=config,
        model_facts=model_facts,
    )
    print_verdict(
        judgement.decision,
        judgement.results,
        model_facts=model_facts,
        comparison=comparison,
        recommended=recommended,
        report=directory.report,
    )


def _write_scores(evidence: Evidence, directory: RunDirectory, fingerprints: Mapping[str, str]) -> None:
    directory.scores.mkdir(exist_ok=True)
    for name, table in evidence.scores.items():
        write_table(replace(table, metadata=fingerprints), directory.scores / f"{name}.parquet")
    for name, candidates in evidence.candidates.items():
        write_table(replace(candidates, metadata=fingerprints), directory.scores / f"{name}.candidates.parquet")


def validation_temperature(scores: Mapping[str, ScoreTable]) -> float | None:
    """Return the temperature that calibrates the model on the validation slice; None without one that identifies it."""
    view = scores["validation"].view() if "validation" in scores else None
    return None if view is None or not np.isfinite(view.margins).all() else fit_temperature(view)


def exit_status(decision: GateDecision, gate: GateConfig) -> int:
    """Return 0, or with `gate.enforce` 3 for FAIL and 4 for INCONCLUSIVE."""
    return {"PASS": 0, "FAIL": 3, "INCONCLUSIVE": 4}[decision.verdict] if gate.enforce else 0
