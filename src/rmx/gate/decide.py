"""From audit results to a verdict, fail-closed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from rmx.audits.power import DETECT, needed
from rmx.audits.verdict import judge
from rmx.config.schema import GateConfig
from rmx.domain import AuditResult, GateDecision, RequirementOutcome, Verdict
from rmx.gate.requirement import Requirement, build_requirements

__all__ = ["decide"]

BY_PEOPLE = {"fresh_policy": "data.label_source", "samples": "label_source"}
"""Slices whose labels must come from people, or from the gold reward of a simulation; and the key that says so."""
CODES = {"not_provided": "not provided", "not_applicable": "not applicable"}
Key = tuple[str, str, str, str]


def decide(
    results: Iterable[AuditResult],
    gate: GateConfig,
    *,
    label_sources: Mapping[str, Collection[str]],
    folds: int = 0,
) -> GateDecision:
    """Hold audit results against a gate.

    FAIL if any requirement fails; else INCONCLUSIVE if any `prove` requirement is; else PASS. A `prove` requirement
    needs its whole interval inside the bound, and is INCONCLUSIVE where its audit is missing. A `refute` requirement
    fails only if the whole interval is outside. Both fail where the audit crashed or its number is NaN.

    Args:
        results: All audit results.
        gate: Name and requirements of the gate.
        label_sources: Distinct label sources of each slice, as `Evidence.label_sources` gives them.
        folds: Models of a cross-fit that the results are about; 0 for one model.

    Raises:
        ConfigError: The gate's requirements are wrong.
    """
    found: dict[Key, list[AuditResult]] = {}
    for result in results:
        found.setdefault((result.audit, result.slice, result.scorer, result.metric), []).append(result)
    requirements = build_requirements(gate)
    outcomes = tuple(
        _judge(name, wanted, found.get((wanted.audit, wanted.slice, wanted.scorer, wanted.metric), []), label_sources)
        for name, wanted in requirements.items()
    )
    blocked_by = tuple(
        o.name for o in outcomes if o.status == "FAIL" or (o.kind, o.status) == ("prove", "INCONCLUSIVE")
    )
    verdict: Verdict = "INCONCLUSIVE" if blocked_by else "PASS"
    if any(o.status == "FAIL" for o in outcomes):
        verdict = "FAIL"
    simulated = any("gold" in label_sources.get(wanted.slice, ()) for wanted in requirements.values())
    return GateDecision(gate.name, verdict, outcomes, blocked_by, simulated, folds)


def _judge(
    name: str, wanted: Requirement, found: list[AuditResult], label_sources: Mapping[str, Collection[str]]
) -> RequirementOutcome:
    result = found[0] if len(found) == 1 else None
    outcome = RequirementOutcome(
        name=name,
        kind=wanted.kind,
        audit=wanted.audit,
        slice=wanted.slice,
        scorer=wanted.scorer,
        metric=wanted.metric,
        bound=wanted.words,
        status="INCONCLUSIVE",
        reason="",
        result=result,
    )
    if len(found) > 1:
        return replace(outcome, status="FAIL", reason=f"{len(found)} results claim to be this number")
    if result is None:
        return replace(outcome, reason="not provided: the audit was not run on this slice and scorer")
    if _is_nan(result) or (result.status == "FAIL" and result.estimate is None):
        return replace(outcome, status="FAIL", reason=result.reason or "the metric is NaN")
    if result.estimate is None:
        missing = result.detail.get("missing")
        reason = CODES.get(result.reason, result.reason)
        return replace(outcome, reason=f"{reason}: {missing}" if missing else reason)
    unfit = _unfit_labels(wanted.slice, label_sources)
    if unfit:
        return replace(outcome, reason=unfit)
    if result.ci_low is None or result.ci_high is None:
        return replace(outcome, reason=result.reason or "there is no interval")
    status = judge(result.estimate, result.ci_low, result.ci_high, wanted.bounds)
    return replace(outcome, status=status, reason=_open_question(wanted, result) if status == "INCONCLUSIVE" else "")


def _is_nan(result: AuditResult) -> bool:
    return any(x is not None and math.isnan(x) for x in (result.estimate, result.ci_low, result.ci_high))


def _unfit_labels(slice: str, label_sources: Mapping[str, Collection[str]]) -> str:
    """Return why the labels of a slice cannot decide, or nothing."""
    if slice not in BY_PEOPLE:
        return ""
    sources = set(label_sources.get(slice, ())) or {"unknown"}
    unfit = sorted(sources - {"human", "gold"})
    if not unfit:
        return ""
    source = f"labels of {slice} come from {', '.join(unfit)}; they must come from people"
    return f"{source} (slice.{slice}.{BY_PEOPLE[slice]}=human says that they do)" if unfit == ["unknown"] else source


def _open_question(wanted: Requirement, result: AuditResult) -> str:
    """Say that the interval crosses the bound and, for a proof, how many pairs could settle it if that can be told."""
    reason = "the interval reaches across the bound"
    if wanted.kind == "refute" or result.mde is None or result.estimate is None:
        return reason
    pairs = needed(result.estimate, result.mde / DETECT, wanted.bounds, result.n_pairs)
    # Fewer than now means that this sample was unlucky, which is no advice.
    return f"{reason}; about {pairs:,} pairs could settle it" if pairs and pairs > result.n_pairs else reason
