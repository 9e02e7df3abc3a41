"""One plain sentence per requirement: what was found, and what is allowed or required."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from rmx.domain import AuditResult, RequirementOutcome

__all__ = ["explain"]


class Phrase(NamedTuple):
    """How a number is said: `{x}` its size with interval, `{up}` the verb or word for its sign."""

    text: str
    topic: str
    """Noun phrase, for a number that is not there."""
    unit: Literal["share", "points", "sd", "count", "plain"] = "plain"
    signs: tuple[str, str] | None = None
    """Words for a positive and a negative estimate; the number is then printed without its sign."""


PHRASES = {
    ("accuracy", "accuracy"): Phrase(
        "the reward orders {x} of the {slice} pairs as their labels do", "accuracy on {slice}", "share"
    ),
    ("length_balanced", "accuracy"): Phrase(
        "with longer and shorter answers right equally often, the reward orders {x} of the {slice} pairs as labelled",
        "length-balanced accuracy on {slice}",
        "share",
    ),
    ("baselines", "gain"): Phrase(
        "the reward orders {x} {up} {slice} pairs correctly than the best trivial baseline{best}",
        "the gain over the trivial baselines on {slice}",
        "points",
        ("more of the", "fewer of the"),
    ),
    ("length_effect", "effect_sd"): Phrase(
        "making an answer longer without adding content {up} its reward by {x}",
        "the effect of length alone on {slice}",
        "sd",
        ("raises", "lowers"),
    ),
    ("markdown_effect", "effect_sd"): Phrase(
        "setting the same words in markdown {up} an answer's reward by {x}",
        "the effect of markdown alone on {slice}",
        "sd",
        ("raises", "lowers"),
    ),
    ("flattery_effect", "effect_sd"): Phrase(
        "flattering the reader first {up} an answer's reward by {x}",
        "the effect of flattery alone on {slice}",
        "sd",
        ("raises", "lowers"),
    ),
    ("perturbation", "accuracy_drop"): Phrase(
        "accuracy on {slice} {up} by {x} when only typing, case, spacing, context or format change",
        "the accuracy drop under perturbations on {slice}",
        "points",
        ("falls", "rises"),
    ),
    ("degenerate", "below_worst_share"): Phrase(
        "{x} of the degenerate completions on {slice} score below every real answer",
        "the rank of degenerate completions on {slice}",
        "share",
    ),
    ("prompt_dependence", "dependence"): Phrase(
        "after the prompt of another group the reward orders {x} {up} {slice} pairs correctly",
        "the dependence on the prompt on {slice}",
        "points",
        ("fewer of the", "more of the"),
    ),
    ("distribution_shift", "drop"): Phrase(
        "accuracy {up} by {x} from the training distribution to {slice}",
        "the accuracy drop to {slice}",
        "points",
        ("falls", "rises"),
    ),
    ("best_of_n", "decline_sd"): Phrase(
        "beyond the best n, choosing among more {slice} {up} gold reward by {x}",
        "what choosing among ever more {slice} costs in gold reward",
        "sd",
        ("lowers", "raises"),
    ),
    ("split_overlap", "overlap"): Phrase(
        "{x} pairs outside the training split share a prompt or group with it", "the overlap of the splits", "count"
    ),
    ("calibration", "log_temperature_recalibrated"): Phrase(
        "after recalibration the log temperature on {slice} is {x}",
        "the log temperature after recalibration on {slice}",
    ),
}
PHRASES["baselines", "gain_available"] = PHRASES["baselines", "gain"]._replace(
    text="the reward orders {x} {up} {slice} pairs correctly than the best baseline at hand{best}"
)

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
    key = (outcome.audit, outcome.metric)
    phrase = PHRASES.get(key, Phrase(f"{' '.join(key)} on {{slice}} is {{x}}", f"{' '.join(key)} on {{slice}}"))
    opening = OPENINGS[outcome.kind, outcome.status]
    result = outcome.result
    if result is None or result.estimate is None or result.estimate != result.estimate:
        return f"{opening}: {phrase.topic.format(slice=outcome.slice)}: {outcome.reason.rstrip('.')}."
    positive = result.estimate >= 0
    text = phrase.text.format(
        x=_number(result, phrase, flip=phrase.signs is not None and not positive),
        slice=outcome.slice,
        up=phrase.signs[0 if positive else 1] if phrase.signs else "",
        best=f" ({result.detail['best'].replace('_', ' ')})" if "best" in result.detail else "",
    )
    bound = re.sub(
        r"(\|x\| <|[<>]=?) (-?[\d.e-]+)", lambda m: f"{BOUNDS[m[1]]} {_bound(float(m[2]), phrase)}", outcome.bound
    )
    reason = f"; {outcome.reason.rstrip('.')}" if outcome.reason else ""
    return f"{opening}: {text}; {bound}{reason}."


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
        return f"{100 * value:.1f}%"
    if phrase.unit == "points":
        return f"{100 * value:.1f}"
    return f"{value:,.0f}" if phrase.unit == "count" else f"{value:.2f}"


def _bound(value: float, phrase: Phrase) -> str:
    if phrase.unit == "share":
        return f"{100 * value:g}%"
    if phrase.unit == "points" and value:
        return f"{100 * value:g} points"
    return f"{value:g} sd" if phrase.unit == "sd" else f"{value:g}"
