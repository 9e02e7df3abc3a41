"""The same characters in another Unicode form: quotation marks, ellipses, spaces and accents that look alike."""

from __future__ import annotations

import re
import unicodedata

from rmx.probes.prose import edit_prose, sprinkle

__all__ = ["swap_lookalikes"]

_NO_BREAK_SPACE = "\u00a0"
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "…": "..."})
_OPENS = re.compile(r'(?<![^\s(\[])"')
_SHARE = 0.1
"""Of the single spaces between words."""


def swap_lookalikes(text: str, key: str) -> str:
    """Return the text with its marks typographic if they were straight, and straight if they were not.

    About one space in ten becomes one that does not break, and accents stand apart from their letters (NFD). NFKC and
    straight quotation marks give the same text back.
    """
    swap = _straighten if re.search("[“”‘’…]", text) else _curl
    text = edit_prose(text, lambda prose: unicodedata.normalize("NFD", swap(prose)))
    return sprinkle(text, r"(?<=\S) (?=\S)", lambda _: _NO_BREAK_SPACE, key=key, share=_SHARE)


def _straighten(prose: str) -> str:
    return prose.translate(_STRAIGHT)


def _curl(prose: str) -> str:
    prose = _OPENS.sub("“", prose).replace('"', "”")
    return prose.replace("'", "’").replace("...", "…")
