"""Runs configured audits; what cannot be answered, and what crashes, becomes a result that says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rmx.audits.base import EVERY, Audit
from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.domain import AuditResult, Status

__all__ = ["run_audits"]


def run_audits(audits: Iterable[Audit], evidence: Evidence) -> list[AuditResult]:
    """Return the results of all audits, in the order of audits, slices, scorers and metrics."""
    return [
        result
        for audit in audits
        for slice in _slices(audit, evidence)
        for scorer in _scorers(audit, evidence, slice)
        for result in _run_one(audit, evidence, slice, scorer)
    ]


def _slices(audit: Audit, evidence: Evidence) -> list[str]:
    named = [name for name in audit.slices if name != EVERY]
    return named + [name for name in sorted(evidence.scores) if EVERY in audit.slices and name not in named]


def _scorers(audit: Audit, evidence: Evidence, slice: str) -> Iterator[str]:
    for name in audit.scorers:
        if name != EVERY:
            yield name
        elif slice in evidence.scores:
            present = evidence.scores[slice].scorers
            # The judged model comes first, then its baselines by name.
            yield from sorted(present, key=lambda s: (s != "model", s))
        else:
            yield "model"


def _run_one(audit: Audit, evidence: Evidence, slice: str, scorer: str) -> list[AuditResult]:
    status: Status = "FAIL"
    detail = {}
    try:
        return audit.run(evidence, slice=slice, scorer=scorer)
    except UnavailableError as gap:
        status, reason = "INCONCLUSIVE", gap.reason
        detail = {"missing": gap.missing} if gap.missing else {}
    except NotFiniteError as bad:
        reason = str(bad)
    except Exception as error:  # an audit that crashes must neither pass nor take the others with it
        reason = f"the audit crashed: {type(error).__name__}: {str(error).partition(chr(10))[0] or 'no message'}"
    return [
        audit.unanswered(metric, slice=slice, scorer=scorer, reason=reason, status=status, detail=detail)
        for metric in audit.metrics
    ]
