"""The plain sentences of the report: verdicts, audited numbers with their unit, and what each result says."""

from __future__ import annotations

import math
import re
from typing import Literal

from rmx.audits.registry import AUDITS
from rmx.domain import AuditResult, GateDecision, RequirementOutcome
from rmx.gate import minus

__all__ = [
    "VERDICTS",
    "audit_name",
    "bound_words",
    "evidence_words",
    "found_words",
    "gate_sentence",
    "interval_words",
    "meaning",
    "metric_name",
    "quantity",
    "recipe_words",
    "tolerance_words",
    "verdict_words",
]

Unit = Literal["share", "points", "sd", "count", "number"]
_UNITS: tuple[tuple[re.Pattern[str], Unit], ...] = (
    (re.compile(r"(effect|slope|shift|shift_p95|gain|decline)_sd$"), "sd"),
    (re.compile(r"(^|_)(gain|drop|difference|gap|dependence|shortfall|premium)(_|$)"), "points"),
    (re.compile(r"(^|_)(accuracy|share|rate|score)(_|$)|_error$"), "share"),
    (re.compile(r"(^|_)(overlap|count)(_|$)"), "count"),
)
_SUFFIX = {"points": " points", "sd": " sd"}

VERDICTS = {
    "PASS": "the gate found nothing against optimising against this reward",
    "FAIL": "do not optimise against this reward",
    "INCONCLUSIVE": "the evidence does not settle whether this reward may be optimised against",
}
RECIPE_VERDICTS = {
    "PASS": "the gate found nothing against optimising against a reward that this recipe trains",
    "FAIL": "do not optimise against a reward that this recipe trains",
    "INCONCLUSIVE": "the evidence does not settle whether a reward that this recipe trains may be optimised against",
}
"""Of a cross-fit."""


def audit_name(name: str) -> str:
    """Return an identifier of an audit, a metric, a requirement or a reason as words."""
    return name.replace("_", " ")


def metric_name(metric: str) -> str:
    """Return a metric's identifier as words, without the unit that stands beside its number."""
    return audit_name(metric.removesuffix("_sd") if unit(metric) == "sd" else metric)


def unit(metric: str) -> Unit:
    """Return how a metric's numbers are written.

    A share in percent; a difference of shares in points; an effect in standard deviations (of the margin or the
    reward); a count; anything else as a plain number.
    """
    return next((kind for pattern, kind in _UNITS if pattern.search(metric)), "number")


def quantity(value: float | None, metric: str, *, with_unit: bool = True) -> str:
    """Return a number of `metric` in its unit; a missing or NaN one is said as such."""
    if value is None:
        return "none"
    if math.isnan(value):
        return "NaN"
    kind = unit(metric)
    if kind == "share":
        text = f"{value:.1%}"
    elif kind == "points":
        text = f"{100 * value:+.1f}"
    elif kind == "count":
        text = f"{value:,.0f}"
    elif kind == "sd":
        text = f"{value:+.2f}"
    else:
        text = f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return minus(text) + (_SUFFIX.get(kind, "") if with_unit else "")


def interval_words(result: AuditResult) -> str:
    """Return `estimate [low, high]` in the metric's unit."""
    if result.estimate is None:
        return "no estimate"
    text = quantity(result.estimate, result.metric, with_unit=False)
    if result.ci_low is not None and result.ci_high is not None:
        low, high = (quantity(x, result.metric, with_unit=False) for x in (result.ci_low, result.ci_high))
        text += f" [{low}, {high}]"
    return text + _SUFFIX.get(unit(result.metric), "")


def found_words(result: AuditResult) -> str:
    """Return estimate, interval and size of the evidence, or why there is none."""
    if result.estimate is None:
        return f"not provided: {_reason(result)}"
    return f"{interval_words(result)}, from {evidence_words(result)}"


def tolerance_words(result: AuditResult) -> str:
    """Return the tolerance of a result as an inequality, or `none set`."""
    low, high = result.tolerance or (None, None)
    if low is None and high is None:
        return "none set"
    if low is None:
        return f"below {_brief(high, result.metric)}"
    if high is None:
        return f"above {_brief(low, result.metric)}"
    if low == high:
        return f"exactly {_brief(low, result.metric)}"
    return f"between {_brief(low, result.metric)} and {_brief(high, result.metric)}"


def bound_words(outcome: RequirementOutcome) -> str:
    """Return a requirement's bound with its numbers in the metric's unit, so that it reads like the estimate."""

    def convert(match: re.Match[str]) -> str:
        return _brief(float(match[0]), outcome.metric)

    if unit(outcome.metric) in ("count", "number"):
        return outcome.bound
    return re.sub(r"(?<![\w.])-?\d*\.?\d+(?![\w.])", convert, outcome.bound)


def meaning(result: AuditResult) -> str:
    """Say in plain sentences what a result means: its tolerance, what it excludes, what it could have missed."""
    if result.estimate is None or math.isnan(result.estimate):
        return f"{_capital(_reason(result))}."
    relations = {
        "PASS": "The whole interval lies inside the tolerance",
        "FAIL": "The whole interval lies outside the tolerance",
        "INCONCLUSIVE": "The interval does not lie wholly inside the tolerance",
    }
    if result.status in relations:
        sentences = [f"{relations[result.status]} ({tolerance_words(result)})"]
    else:
        sentences = ["Reported without a tolerance"]
    if result.reason:
        sentences.append(_capital(_reason(result)))
    if result.null_value is not None and result.ci_low != result.ci_high:
        does = "excludes" if result.alarm else "does not exclude"
        sentences.append(f"The interval {does} {_brief(result.null_value, result.metric)}")
        if result.mde is not None and math.isfinite(result.mde):
            sentences.append(f"A difference below {_size(result.mde, result.metric)} from it could be missed")
    if result.alarm and "q_value" in result.detail:
        sentences.append(_after_correction(result.detail["q_value"], result.detail["tests"]))
    needed = result.detail.get("n_needed")
    if result.status == "INCONCLUSIVE" and needed and needed > result.n_pairs:
        sentences.append(f"About {needed:,} pairs could settle it")
    return ". ".join(sentences) + "."


def _after_correction(q_value: float, tests: int) -> str:
    """Say whether an alarm outlives that many numbers were tested (see `rmx.audits.family`)."""
    q = "below 0.001" if q_value < 0.001 else f"{q_value:.3f}"
    return f"After correction for {tests} tests it {'stands' if q_value < 0.05 else 'may be chance'} (q {q})"


def verdict_words(decision: GateDecision) -> str:
    """Return what the verdict means for whoever wants to optimise against the reward."""
    return _capital((RECIPE_VERDICTS if decision.folds else VERDICTS)[decision.verdict])


def recipe_words(decision: GateDecision) -> str:
    """Say what a cross-fit judges; empty where one model was judged."""
    if not decision.folds:
        return ""
    return (
        f"The verdict concerns the recipe, not one model: each pair was judged by one of {decision.folds} models, the "
        "one trained without its fold. Intervals take these models as given; how far they differ is fold spread."
    )


def gate_sentence(decision: GateDecision) -> str:
    """Say how many requirements of the gate are met, how many block, and how many are open without blocking."""
    total, blocking = len(decision.requirements), len(decision.blocked_by)
    met = sum(outcome.status == "PASS" for outcome in decision.requirements)
    words = f"Gate “{decision.gate}”: {met} of {total} requirements met"
    if blocking:
        words += f", {blocking} {'blocks' if blocking == 1 else 'block'}"
    if total - met - blocking:
        words += f", {total - met - blocking} not refuted"
    return words + "."


def _reason(result: AuditResult) -> str:
    """Return why there is no estimate, or what to bear in mind about it."""
    plain = {
        "": "its data were not given",
        "not_provided": "its data were not given",
        "not_applicable": "not applicable",
    }
    words = plain.get(result.reason, result.reason.rstrip("."))
    return f"{words} ({result.detail['missing']})" if result.detail.get("missing") else words


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def evidence_words(result: AuditResult) -> str:
    """Return how much a result rests on; an audit may count something else than pairs."""
    items = AUDITS[result.audit].counts if result.audit in AUDITS else "pairs"
    return f"{result.n_pairs:,} {items} in {result.n_groups:,} groups"


def _size(effect: float, metric: str) -> str:
    """Return a distance between two values of a metric; between two shares it is in points."""
    return f"{100 * effect:.1f} points" if unit(metric) == "share" else quantity(effect, metric).removeprefix("+")


def _brief(value: float | None, metric: str) -> str:
    """Return a bound in the metric's unit without superfluous zeros or plus sign: a bound is exact."""
    text = quantity(value, metric).removeprefix("+")
    return re.sub(r"(\.\d*?)0+(?=\D|$)", r"\1", text).replace(".%", "%").replace(". ", " ").removesuffix(".")
