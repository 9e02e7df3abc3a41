"""Where two versions of a text differ, so that a reader sees the edit and need not search for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import NamedTuple

__all__ = ["Span", "changed_spans", "common_start"]

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
MOST_COMPARISONS = 1_000_000
"""Of words with words, between the parts that differ; beyond it the whole part counts as changed."""


class Span(NamedTuple):
    """A piece of a text."""

    text: str
    changed: bool = False


def changed_spans(original: str, edited: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return both texts as spans, in order and without loss; changed are the words that the other has not there.

    What both begin and end with is set aside first, so that an addition is one span however long the text is.
    """
    before, after = _WORD.findall(original), _WORD.findall(edited)
    start = common_start(before, after)
    end = common_start(before[start:][::-1], after[start:][::-1])
    middles = before[start : len(before) - end], after[start : len(after) - end]
    head, tail = "".join(before[:start]), "".join(before[len(before) - end :])
    left, right = _compared(*middles)
    return _merged([(head, False), *left, (tail, False)]), _merged([(head, False), *right, (tail, False)])


def common_start(first: list[str] | str, second: list[str] | str) -> int:
    """Return how many elements two sequences begin with in common."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))


def _compared(before: list[str], after: list[str]) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    if len(before) * len(after) > MOST_COMPARISONS:
        return [("".join(before), True)], [("".join(after), True)]
    left, right = [], []
    for what, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        left.append(("".join(before[i:j]), what != "equal"))
        right.append(("".join(after[k:m]), what != "equal"))
    return left, right


def _merged(parts: Iterable[tuple[str, bool]]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for text, changed in parts:
        if text and spans and spans[-1].changed == changed:
            spans[-1] = Span(spans[-1].text + text, changed)
        elif text:
            spans.append(Span(text, changed))
    return tuple(spans)
