"""How a completion is dressed: counts of Markdown elements, as tags of a pair."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from rmx.data.turns import said
from rmx.domain import PreferencePair

__all__ = ["STYLE_FEATURES", "style_counts", "with_style"]

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_PATTERNS = {
    "headers": re.compile(r"^ {0,3}#{1,6} +\S", re.MULTILINE),
    "bold": re.compile(r"(\*\*|__)(?=\S)[^\n]*?\S\1"),
    "lists": re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)]) +\S", re.MULTILINE),
}
STYLE_FEATURES = tuple(_PATTERNS)
"""Elements that are counted, in the order of Arena's style control (lmsys.org/blog/2024-08-28-style-control)."""


def style_counts(text: str) -> dict[str, int]:
    """Return how many headers, bold spans and list items a text has outside of code blocks."""
    prose = _CODE.sub("", text)
    return {name: sum(1 for _ in pattern.finditer(prose)) for name, pattern in _PATTERNS.items()}


def with_style(pair: PreferencePair) -> PreferencePair:
    """Return the pair with its counts as tags chosen_headers, rejected_headers and so on; given tags stay."""
    tags: Mapping[str, str] = {
        f"{side}_{name}": str(count)
        for side, text in (("chosen", said(pair.chosen)), ("rejected", said(pair.rejected)))
        for name, count in style_counts(text).items()
    }
    return replace(pair, tags={**tags, **pair.tags})
