"""The paired difference of two runs in words."""

from __future__ import annotations

from dataclasses import replace

from rmx.domain import AuditResult
from rmx.report.sentences import interval_words, quantity

__all__ = ["against_name", "difference_sentence", "discordant_words"]


def difference_sentence(result: AuditResult, judged: str) -> str:
    """Say which of two runs orders more pairs as labelled, or that the pairs do not tell."""
    other = against_name(result)
    if result.estimate is None:
        return f"{judged} and {other} cannot be compared on {result.slice}: {result.reason or 'no estimate'}."
    if result.ci_low is None or result.ci_high is None:
        return f"{judged} and {other} differ on {result.slice} by {interval_words(result)}: {result.reason}."
    if not result.alarm:
        words = f"The {result.n_pairs:,} {result.slice} pairs do not tell {judged} and {other} apart: "
        words += f"{interval_words(result)}{_p_value(result)}"
        if result.mde is not None:
            words += f"; a difference below {quantity(result.mde, result.metric).lstrip('+')} could be missed"
        return f"{words}."
    size, more = result, "more"
    if result.estimate < 0:
        more = "fewer"
        size = replace(result, estimate=-result.estimate, ci_low=-result.ci_high, ci_high=-result.ci_low)
    return (
        f"{judged} orders {interval_words(size).replace('+', '')} {more} of the {result.n_pairs:,} {result.slice} "
        f"pairs as labelled than {other}{_p_value(result)}."
    )


def _p_value(result: AuditResult) -> str:
    if result.p_value is None:
        return ""
    test = "mid-p McNemar" if result.n_pairs == result.n_groups else "cluster-robust t"
    words = f"{test}, p {_probability(result.p_value)}"
    if result.detail.get("tests", 1) > 1:
        words += f", q {_probability(result.detail['q_value'])} after correction for {result.detail['tests']} tests"
    return f" ({words})"


def _probability(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def discordant_words(result: AuditResult, judged: str) -> str:
    """Return how many pairs each of two runs alone is right about."""
    if "better" not in result.detail:
        return ""
    better, worse = (result.detail[name] for name in ("better", "worse"))
    return f"{better:,} right by {judged} alone, {worse:,} by {against_name(result)} alone"


def against_name(result: AuditResult) -> str:
    """Return the name of the run that the judged one is compared with."""
    return str(result.detail.get("against", "another run"))
