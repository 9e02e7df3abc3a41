"""Where two texts differ: nothing is lost, and what is marked is what changed."""

from __future__ import annotations

import difflib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.report import difference
from rmx.report.difference import Span, changed_spans

words = st.lists(st.sampled_from(["a", "b", "longer", " ", "\n", ".", "漢", "e\u0301", "\U0001f600"]), max_size=12)


@given(words, words)
def test_spans_are_the_texts_in_order_without_loss(first: list[str], second: list[str]) -> None:
    for text, spans in zip(
        ("".join(first), "".join(second)), changed_spans("".join(first), "".join(second)), strict=True
    ):
        assert "".join(span.text for span in spans) == text
        assert all(span.text for span in spans)
        assert all(a.changed != b.changed for a, b in pairwise(spans))


@given(words, words)
def test_what_is_not_marked_is_the_same_in_both(first: list[str], second: list[str]) -> None:
    left, right = changed_spans("".join(first), "".join(second))
    same = ["".join(span.text for span in spans if not span.changed) for spans in (left, right)]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("original", "edited", "left", "right"),
    [
        ("Yes.", "Yes.", [("Yes.", False)], [("Yes.", False)]),
        ("Yes.", "Yes. I hope it helps.", [("Yes.", False)], [("Yes.", False), (" I hope it helps.", True)]),
        ("What a fine question! No.", "No.", [("What a fine question! ", True), ("No.", False)], [("No.", False)]),
        (
            "The lab is open.",
            "The lab is closed.",
            [("The lab is ", False), ("open", True), (".", False)],
            [("The lab is ", False), ("closed", True), (".", False)],
        ),
        ("", "new", [], [("new", True)]),
    ],
)
def test_known_edits(original: str, edited: str, left: list[Span], right: list[Span]) -> None:
    assert changed_spans(original, edited) == (tuple(left), tuple(right))


def test_long_texts_do_not_take_long_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> difflib.SequenceMatcher[str]:
        raise AssertionError("a comparison of every word with every word")

    monkeypatch.setattr(difference, "SequenceMatcher", never)
    text = "word " * 20_000
    left, right = changed_spans(f"same {text} end", f"same {text.upper()} end")
    assert [(len(span.text), span.changed) for span in left] == [(5, False), (100_000 - 1, True), (5, False)]
    assert right[1] == Span(text.upper().rstrip(), True)
