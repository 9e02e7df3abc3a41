"""Findings in plain words: every phrase belongs to a metric and takes any number."""

from __future__ import annotations

import pytest

from rmx.audits import AUDITS
from rmx.domain import AuditResult
from rmx.gate import finding, minus
from rmx.gate.phrases import PHRASES


def result(audit: str, metric: str, estimate: float | None, half: float = 0.1, **changes: object) -> AuditResult:
    low, high = (None, None) if estimate is None else (estimate - half, estimate + half)
    return AuditResult(audit, "heldout", "model", metric, estimate, low, high, "t", 40, 20, **changes)


def test_every_phrase_is_that_of_a_metric() -> None:
    known = {(name, metric) for name, audit in AUDITS.items() for metric in audit.metrics}
    assert set(PHRASES) <= known


@pytest.mark.parametrize(("audit", "metric"), sorted(PHRASES))
@pytest.mark.parametrize("estimate", [0.25, -0.25, 0.0])
def test_every_phrase_becomes_a_sentence_with_its_number_in_it(audit: str, metric: str, estimate: float) -> None:
    sentence = finding(result(audit, metric, estimate))
    assert sentence[0].isupper() or sentence[0].isdigit() or sentence[0] == "−"
    assert sentence.endswith(".")
    assert not [odd for odd in ("{", "}", "  ", " .") if odd in sentence]
    assert any(character.isdigit() for character in sentence)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            result("length_effect", "effect_sd", -0.5),
            "Making an answer longer without adding content lowers its reward by 0.50 sd [0.40, 0.60].",
        ),
        (
            result("margin", "wrong_share", 0.2),
            "20.0% [10.0%, 30.0%] of the heldout pairs are confidently in the wrong order.",
        ),
        (result("accuracy", "accuracy", None), ""),
        (result("accuracy", "accuracy", float("nan")), ""),
        (result("of another program", "accuracy", 0.5), ""),
    ],
)
def test_known_findings(found: AuditResult, sentence: str) -> None:
    assert finding(found) == sentence


def test_a_baseline_is_called_by_its_name() -> None:
    assert finding(result("accuracy", "accuracy", 0.5), who="longer").startswith("Longer orders 50.0%")


@pytest.mark.parametrize(("text", "words"), [("-0.00", "0.00"), ("+0.0%", "0.0%"), ("-1.50", "−1.50"), ("+2", "+2")])
def test_the_minus_is_typographic_and_a_rounded_zero_has_no_sign(text: str, words: str) -> None:
    assert minus(text) == words
