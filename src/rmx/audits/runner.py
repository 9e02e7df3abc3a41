"""Runs configured audits; what cannot be answered, and what crashes, becomes a result that says so."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from rmx.audits.base import EVERY, Audit
from rmx.audits.evidence import Evidence, NotFiniteError, UnavailableError
from rmx.audits.examples import Example, wrong_pairs
from rmx.audits.family import with_q_values
from rmx.audits.folds import count_folds, standardised
from rmx.audits.self_test import SelfTestError, self_test
from rmx.domain import AuditResult, Status

__all__ = ["find_examples", "run_audits"]

JUDGED = "heldout"
"""The slice whose wrong pairs are shown."""
WRONG_PAIRS = 10
EXAMPLES = 3
"""Cases shown of one audit on one slice."""

_log = logging.getLogger(__name__)


def run_audits(audits: Iterable[Audit], evidence: Evidence) -> list[AuditResult]:
    """Return the results of all audits, in the order of audits, slices, scorers and metrics.

    What the metrics themselves must satisfy is tested first on every table that is read: where it does not hold, each
    result of that slice and scorer is a FAIL. P-values come with their q-value over the whole run.
    """
    defects: dict[tuple[str, str], str] = {}
    folds = count_folds(evidence)
    readings = {"standardised": standardised(evidence)} if folds else {}
    results = [
        result
        for audit in audits
        for slice in _slices(audit, evidence)
        for scorer in _scorers(audit, evidence, slice)
        for result in _run_one(audit, readings.get(audit.reads_folds, evidence), slice, scorer, defects, folds)
    ]
    return with_q_values(results)


def find_examples(
    audits: Iterable[Audit], evidence: Evidence, results: Sequence[AuditResult], *, scorer: str
) -> list[Example]:
    """Return the single cases that a report shows: pairs in the wrong order, then what each audit finds worst.

    Args:
        audits: The audits that were run.
        evidence: What they read.
        results: What they found; an audit without a number has no cases.
        scorer: Whose cases are wanted.
    """
    heldout = evidence.scores.get(JUDGED)
    view = None if heldout is None else heldout.view(scorer)
    found = [] if view is None else wrong_pairs(view, WRONG_PAIRS)
    answered = {(r.audit, r.slice) for r in results if r.scorer == scorer and r.estimate is not None}
    readings = {"standardised": standardised(evidence)} if count_folds(evidence) else {}
    for audit in audits:
        for slice in _slices(audit, evidence):
            if (audit.name, slice) not in answered:
                continue
            try:
                read = readings.get(audit.reads_folds, evidence)
                found += audit.examples(read, slice=slice, scorer=scorer, most=EXAMPLES)
            except Exception as error:  # an illustration must not cost what it illustrates
                _log.warning("audit %s on %s: no examples (%s: %s)", audit.name, slice, type(error).__name__, error)
    return found


def _slices(audit: Audit, evidence: Evidence) -> list[str]:
    named = [name for name in audit.slices if name != EVERY]
    return named + [name for name in sorted(evidence.scores) if EVERY in audit.slices and name not in named]


def _scorers(audit: Audit, evidence: Evidence, slice: str) -> Iterator[str]:
    for name in audit.scorers:
        if name != EVERY:
            yield name
        else:
            # The judged model comes first, then its baselines by name.
            yield from sorted(evidence.scorers(slice) or ("model",), key=lambda s: (s != "model", s))


def _defect(evidence: Evidence, slice: str, scorer: str) -> str:
    """Return what a self-test found wrong with a slice as scored, or nothing."""
    try:
        self_test(evidence.view(slice, scorer))
    except SelfTestError as defect:
        return str(defect)
    except (UnavailableError, NotFiniteError):
        pass  # each audit says so itself, or does not read this table
    return ""


def _run_one(
    audit: Audit, evidence: Evidence, slice: str, scorer: str, defects: dict[tuple[str, str], str], folds: int
) -> list[AuditResult]:
    status: Status = "FAIL"
    detail = {}
    try:
        if (slice, scorer) not in defects:
            defects[slice, scorer] = _defect(evidence, slice, scorer)
        if folds and audit.reads_folds == "never":
            raise UnavailableError("not_applicable", f"the rewards of {folds} models have no common scale")
        if not defects[slice, scorer]:
            return audit.run(evidence, slice=slice, scorer=scorer)
        reason = f"a self-test failed: {defects[slice, scorer]}"
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
