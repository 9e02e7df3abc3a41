"""One plain sentence per requirement: what was found, and what is allowed or required."""

from __future__ import annotations

import re

from rmx.domain import RequirementOutcome
from rmx.gate.finding import phrase_of, say
from rmx.gate.phrases import Phrase

__all__ = ["explain"]

OPENINGS = {
    ("prove", "PASS"): "Met",
    ("refute", "PASS"): "Met",
    ("prove", "FAIL"): "Blocked",
    ("refute", "FAIL"): "Blocked",
    ("prove", "INCONCLUSIVE"): "Not proved",
    ("refute", "INCONCLUSIVE"): "Not refuted, does not block",
}
BOUNDS = {
    "|x| <": "allowed is less than",
    "<": "allowed is less than",
    "<=": "allowed is at most",
    ">": "required is more than",
    ">=": "required is at least",
}


def explain(outcome: RequirementOutcome) -> str:
    """Return the outcome as one sentence: what was found with its interval, and what is allowed or required."""
    phrase = phrase_of(outcome.audit, outcome.metric)
    opening = OPENINGS[outcome.kind, outcome.status]
    result = outcome.result
    if result is None or result.estimate is None or result.estimate != result.estimate:
        topic = phrase.topic or f"{outcome.audit} {outcome.metric} on {{slice}}".replace("_", " ")
        return f"{opening}: {topic.format(slice=outcome.slice)}: {outcome.reason.rstrip('.')}."
    bound = re.sub(
        r"(\|x\| <|[<>]=?) (-?[\d.e-]+)", lambda m: f"{BOUNDS[m[1]]} {_bound(float(m[2]), phrase)}", outcome.bound
    )
    reason = f"; {outcome.reason.rstrip('.')}" if outcome.reason else ""
    return f"{opening}: {say(phrase, result)}; {bound}{reason}."


def _bound(value: float, phrase: Phrase) -> str:
    if phrase.unit == "share":
        return f"{100 * value:g}%"
    if phrase.unit == "points" and value:
        return f"{100 * value:g} points"
    return f"{value:g} sd" if phrase.unit == "sd" else f"{value:g}"
