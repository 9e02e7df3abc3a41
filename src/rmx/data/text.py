"""Folding and hashing of text: what counts as the same text, and stable hashes of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import xxhash

from rmx.data.turns import said
from rmx.domain import Message

__all__ = ["TOKENS", "digest", "fold", "normalise", "opening_turn", "unit_interval", "word_list", "words"]

TOKENS = re.compile(r"\w+|[^\w\s]")
"""Words and single punctuation marks: what a text is made of where no tokenizer is at hand."""
_PUNCTUATION = str.maketrans(dict.fromkeys("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", " "))


def fold(text: str) -> str:
    """Return the text with compatible Unicode forms unified (NFKC) and white space collapsed."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split())


def normalise(text: str) -> str:
    """Return the folded text without case: prompts that agree in it are the same prompt."""
    return fold(text).casefold()


def word_list(normalised: str) -> list[str]:
    """Return the words of a normalised text in order, ASCII punctuation taken as space."""
    return normalised.translate(_PUNCTUATION).split()


def words(normalised: str) -> frozenset[str]:
    """Return the distinct words of a normalised text."""
    return frozenset(word_list(normalised))


def opening_turn(prompt: Sequence[Message]) -> str:
    """Return the first user turn, by which a dialogue is grouped; without one, the whole prompt."""
    for message in prompt:
        if message.role == "user":
            return said(message.content)
    return "\n".join(said(message.content) for message in prompt)


def digest(*parts: str) -> str:
    """Return 20 hex digits that depend on every part and on where one part ends and the next begins."""
    # surrogatepass: text that is about to be rejected as invalid still needs an id.
    data = b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)
    return xxhash.xxh3_128_hexdigest(data)[:20]


def unit_interval(text: str, salt: str) -> float:
    """Return a stable pseudo-random number in [0, 1) that depends on the text and the salt alone."""
    return xxhash.xxh3_64_intdigest(f"{salt}\0{text}".encode()) / 2.0**64
