"""The rows of the page's tables: accuracies, requirements of the gate, results by audit."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from rmx.audits.examples import Example
from rmx.audits.registry import AUDITS
from rmx.domain import AuditResult, Candidate, RequirementOutcome
from rmx.gate import explain, finding
from rmx.report.example_view import view_examples
from rmx.report.sentences import audit_name, bound_words, evidence_words, interval_words, meaning, metric_name
from rmx.report.track import share_track, track

__all__ = ["accuracy_row", "audit_blocks", "audit_gloss", "requirement_row", "unanswered"]


def accuracy_row(result: AuditResult, judged: str) -> dict[str, Any]:
    """Return one scorer's heldout accuracy."""
    return {
        "scorer": result.scorer,
        "judged": result.scorer == judged,
        "interval": interval_words(result),
        "size": f"{result.n_pairs:,}, {result.n_groups:,}",
        "track": share_track(result),
    }


def requirement_row(outcome: RequirementOutcome) -> dict[str, Any]:
    """Return one requirement of the gate with what was found."""
    return {
        "name": audit_name(outcome.name),
        "kind": outcome.kind,
        "slice": outcome.slice,
        "scorer": outcome.scorer,
        "bound": bound_words(outcome),
        "interval": interval_words(outcome.result) if outcome.result else "not provided",
        "status": outcome.status,
        "why": explain(outcome),
    }


def audit_blocks(
    results: Sequence[AuditResult],
    *,
    judged: str,
    examples: Sequence[Example] = (),
    texts: Mapping[str, Candidate] | None = None,
) -> list[dict[str, Any]]:
    """Return results by audit, each audit with what its class says it asks, and with the cases that show it.

    An audit without a single number is no block, see `unanswered`.
    """
    return [
        {
            "name": audit_name(name),
            "gloss": audit_gloss(name),
            "rows": [_audit_row(result, judged) for result in found],
            "examples": view_examples([e for e in examples if e.audit == name], texts or {}),
            "failed": any(result.status == "FAIL" for result in found),
        }
        for name, found in _by_audit(results).items()
        if not _is_unanswered(found)
    ]


def unanswered(results: Sequence[AuditResult]) -> list[tuple[str, str]]:
    """Return the audits whose data were not given, or that make no sense here, each with why."""
    return [
        (audit_name(name), " ".join(dict.fromkeys(f"{result.slice}: {meaning(result)}" for result in found)))
        for name, found in _by_audit(results).items()
        if _is_unanswered(found)
    ]


def _by_audit(results: Sequence[AuditResult]) -> dict[str, list[AuditResult]]:
    blocks: dict[str, list[AuditResult]] = {}
    for result in results:
        blocks.setdefault(result.audit, []).append(result)
    return blocks


def _is_unanswered(found: Sequence[AuditResult]) -> bool:
    return all(result.estimate is None and result.status == "INCONCLUSIVE" for result in found)


def _audit_row(result: AuditResult, judged: str) -> dict[str, Any]:
    return {
        "metric": metric_name(result.metric),
        "slice": result.slice,
        "scorer": result.scorer,
        "interval": interval_words(result),
        "evidence": evidence_words(result) if result.estimate is not None else "",
        "track": track(result),
        "status": result.status,
        "finding": finding(result) if result.scorer == judged else finding(result, who=result.scorer),
        "meaning": meaning(result),
    }


def audit_gloss(audit: str) -> str:
    """Return the first paragraph of the audit's own docstring; nothing for an audit of another program."""
    text = inspect.getdoc(AUDITS[audit]) if audit in AUDITS else None
    return " ".join((text or "").split("\n\n")[0].split())
