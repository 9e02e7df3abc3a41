"""What an audit found, as a sentence with its number and interval."""

from __future__ import annotations

import re

from rmx.domain import AuditResult
from rmx.gate.phrases import PHRASES, Phrase

__all__ = ["finding", "minus", "phrase_of", "say"]


def phrase_of(audit: str, metric: str) -> Phrase:
    """Return the phrase of a metric, or one made of its names."""
    return PHRASES.get((audit, metric), Phrase(f"{audit} {metric} on {{slice}} is {{x}}".replace("_", " ")))


def finding(result: AuditResult, *, who: str = "the reward") -> str:
    """Return what a result found as a sentence; empty for one without a number, or of a metric without a phrase.

    Args:
        result: An audit's result.
        who: The scorer.
    """
    phrase = PHRASES.get((result.audit, result.metric))
    if phrase is None or result.estimate is None or result.estimate != result.estimate:
        return ""
    text = say(phrase, result, who=who)
    return f"{text[:1].upper()}{text[1:]}."


def say(phrase: Phrase, result: AuditResult, *, who: str = "the reward") -> str:
    """Return a phrase with the number of a result that has one."""
    positive = (result.estimate or 0.0) >= 0
    return phrase.text.format(
        x=_number(result, phrase, flip=phrase.signs is not None and not positive),
        slice=result.slice,
        up=phrase.signs[0 if positive else 1] if phrase.signs else "",
        best=f" ({str(result.detail['best']).replace('_', ' ')})" if "best" in result.detail else "",
        caveat=f" ({result.detail['caveat']})" if "caveat" in result.detail else "",
        who=who,
        against=result.detail.get("against", "the other"),
    )


def _number(result: AuditResult, phrase: Phrase, *, flip: bool) -> str:
    """Return `estimate unit [low, high]`, with all signs turned where a word already says the direction."""
    sign = -1 if flip else 1
    ends = sorted(sign * x for x in (result.ci_low, result.ci_high) if x is not None)
    estimate = _digits(sign * (result.estimate or 0.0), phrase)
    name = {"sd": " sd", "points": " points"}.get(phrase.unit, "")
    if phrase.unit == "count" or not ends:
        return estimate + name
    return f"{estimate}{name} [{', '.join(_digits(x, phrase) for x in ends)}]"


def _digits(value: float, phrase: Phrase) -> str:
    if phrase.unit == "share":
        return minus(f"{100 * value:.1f}%")
    if phrase.unit == "points":
        return minus(f"{100 * value:.1f}")
    return minus(f"{value:,.0f}" if phrase.unit == "count" else f"{value:.2f}")


def minus(text: str) -> str:
    """Write the typographic minus in a number, and no sign on a rounded zero."""
    if not re.search(r"[1-9]", text):
        text = text.lstrip("+-")
    return text.replace("-", "−")
