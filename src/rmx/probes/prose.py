"""Where an edit may reach: prose, and not the code and links that stand in it."""

from __future__ import annotations

import re
from collections.abc import Callable

from rmx.data.text import unit_interval

__all__ = ["INLINE_CODE", "edit_lines", "edit_prose", "sprinkle"]

INLINE_CODE = r"`[^`\n]+`"
# To the end of the text where a block is not closed. As lines, it begins and ends with whole ones.
_FENCE = r"```.*?(?:```|\Z)"
_FENCED_LINES = re.compile(r"(^[ \t]*```.*?(?:^[ \t]*```[^\n]*$|\Z))", re.DOTALL | re.MULTILINE)
_NO_PROSE = rf"{_FENCE}|{INLINE_CODE}|(?<!\w)[a-z]{{2,10}}://\S+"
_CODE_AND_LINKS = re.compile(rf"({_NO_PROSE})", re.DOTALL)


def edit_prose(text: str, change: Callable[[str], str]) -> str:
    """Return the text with every stretch of prose changed; a stretch may begin or end within a line."""
    return _between(_CODE_AND_LINKS, text, change)


def edit_lines(text: str, change: Callable[[str], str]) -> str:
    """Return the text with whole lines changed, those of fenced code apart; inline code may stand in them."""
    return _between(_FENCED_LINES, text, change)


def sprinkle(text: str, pattern: str, change: Callable[[str], str], *, key: str, share: float) -> str:
    """Return the text with about a share of the places in its prose changed, at least one if there is any.

    Args:
        text: The text.
        pattern: Regular expression of a place.
        change: What becomes of a place.
        key: With the position it decides which places are changed.
        share: Share of the places.
    """
    both = re.compile(rf"{_NO_PROSE}|(?P<place>{pattern})", re.DOTALL)
    places = [found.span() for found in both.finditer(text) if found["place"] is not None]
    draws = [unit_interval(f"{key}/{start}", pattern) for start, _ in places]
    most = max(share, min(draws, default=0.0))
    parts, done = [], 0
    for (start, end), draw in zip(places, draws, strict=True):
        if draw <= most:
            parts += [text[done:start], change(text[start:end])]
            done = end
    return "".join([*parts, text[done:]])


def _between(apart: re.Pattern[str], text: str, change: Callable[[str], str]) -> str:
    # The pattern's one group makes every second part of the split a stretch that stays.
    return "".join(part if i % 2 else change(part) for i, part in enumerate(apart.split(text)))
