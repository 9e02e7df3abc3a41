"""Typing errors: two inner letters of a longer word change places."""

from __future__ import annotations

from rmx.data.text import unit_interval
from rmx.probes.prose import sprinkle

__all__ = ["add_typos"]

_SHARE = 0.15
"""Of the words that may be mistyped."""
# Lower case and long: not a name, an abbreviation or a part of an address, and still easy to read.
_WORD = r"(?<![\w'’@./\\-])[a-z]{6,}(?![\w'’@/\\-])(?!\.\w)"

_WORDS_APART = frozenset(
    (
        *("barley", "barely", "carving", "craving", "carvings", "cravings", "casual", "causal", "casually", "causally"),
        *("complaint", "compliant", "dairies", "diaries", "martial", "marital", "prefect", "perfect", "sacred"),
        *("scared", "signed", "singed", "signer", "singer", "signers", "singers", "signing", "singing", "silver"),
        *("sliver", "tilted", "titled", "trials", "trails", "united", "untied", "unites", "unties"),
    )
)
"""Words that a swap turns into each other."""


def add_typos(text: str, key: str) -> str:
    """Return the text with typing errors in about one longer word of seven; unchanged where it has no such word."""
    return sprinkle(text, _WORD, lambda word: _mistyped(word, key), key=key, share=_SHARE)


def _mistyped(word: str, key: str) -> str:
    # First and last letter stay: a word whose ends are right is read without effort.
    places = [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
    if not places or word in _WORDS_APART:
        return word
    i = places[int(unit_interval(f"{key}/{word}", "typo") * len(places))]
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
