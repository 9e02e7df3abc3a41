"""Audits and gate from score tables alone: a finished run, or a file of any scorer. Never imports torch."""

from __future__ import annotations

from pathlib import Path

from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.gate import build_requirements
from rmx.record import RunRecord
from rmx.run.comparison import compare, find_common_scores
from rmx.run.directory import RunDirectory
from rmx.run.found_scores import find_scores
from rmx.run.judgement import exit_status, judge, show

__all__ = ["audit_scores"]


def audit_scores(config: Config) -> int:
    """Audit the tables that `scores` names, in a directory of its own; return the exit status.

    Of several the first is judged and the others are compared with it; the status is that of the first.
    """
    audits = build_audits(config.audit)
    build_requirements(config.gate)
    paths = config.scores if isinstance(config.scores, list) else [config.scores]
    judged, *others = [find_scores(path) for path in paths]
    common = find_common_scores([judged, *others]) if others else None
    directory = RunDirectory.claim(Path(config.paths.run))
    record = RunRecord.begin("audit", seeds={"seed": config.seed})
    record.fingerprints.update({} if judged.run is None else judged.run.fingerprints)
    evidence = judged.evidence
    with record.phase("judgement"):
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
    comparison = None
    if common is not None:
        with record.phase("comparison"):
            comparison = compare([judged, *others], common, audits, config.gate, judgement)
    show(
        judgement,
        evidence,
        directory,
        record=record,
        config=redacted(config),
        model_facts=judged.model_facts,
        texts=judged.texts,
        comparison=comparison,
    )
    return exit_status(judgement.decision, config.gate)
