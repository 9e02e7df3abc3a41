"""Length, and nothing else: the same completion with content-free padding, or without its content-free parts."""

from __future__ import annotations

import re

from rmx.data.text import unit_interval
from rmx.probes.length_phrases import CONTENT_FREE, PADDING
from rmx.probes.probe import completion_probe

__all__ = ["LENGTH", "compress", "pad"]

_SHORTEST, _LONGEST = 0.3, 1.0
"""Padding's words as a share of the completion's."""

_SENTENCE = r"(?:{})[.!?]+".format("|".join(CONTENT_FREE).replace("'", "['’]"))
_OPENER = re.compile(rf"\s*{_SENTENCE}\s+", re.IGNORECASE)
_CLOSER = re.compile(rf"(?<=[.!?])\s+{_SENTENCE}\s*\Z", re.IGNORECASE)
_BROKEN_OFF = re.compile(r"[\w,;:(\[{-]\Z")


def pad(completion: str, key: str) -> str | None:
    """Return the completion followed by sentences that add nothing; None for a blank completion.

    Padding has 30% to 100% of the completion's words, within the few words of its shortest sentence, and at most all
    of its sentences (some 230 words). How much and which sentences depends on the key alone.
    """
    words = len(completion.split())
    if not words:
        return None
    share = _SHORTEST + (_LONGEST - _SHORTEST) * unit_interval(key, "length/share")
    left = share * words
    chosen: list[str] = []
    for sentence in sorted(PADDING, key=lambda s: unit_interval(key, s)):
        if len(sentence.split()) <= left:
            chosen.append(sentence)
            left -= len(sentence.split())
    chosen = chosen or [min(PADDING, key=lambda s: (len(s.split()), unit_interval(key, s)))]
    text = completion.rstrip()
    # A list, a code block or a sentence broken off must not run on into the padding.
    gap = "\n\n" if "\n" in text or _BROKEN_OFF.search(text) else " "
    return text + gap + " ".join(chosen)


def compress(completion: str) -> str | None:
    """Return the completion without the pleasantries it opens and closes with; None where it has none.

    Whole sentences only, and only those listed as content-free; the rest stays word for word and is never empty.
    """
    text = completion
    while (found := _OPENER.match(text)) and text[found.end() :].strip():
        text = text[found.end() :]
    while (found := _CLOSER.search(text)) and text[: found.start()].strip():
        text = text[: found.start()]
    return None if text == completion else text


LENGTH = completion_probe("length", {"padded": pad, "compressed": lambda completion, _: compress(completion)})
"""The same completion with content-free padding, or without its content-free parts."""
