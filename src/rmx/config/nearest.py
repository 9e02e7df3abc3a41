"""What the user most likely meant: the nearest valid name, worded once for every message."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "nearest"]


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name most like `name`, compared by its last dotted part first, or None where none is like it."""
    names = sorted(set(valid))
    whole = get_close_matches(name, names, n=1, cutoff=0.6)
    if whole:
        return whole[0]
    tails = {full.rpartition(".")[2]: full for full in reversed(names)}
    match = get_close_matches(name.rpartition(".")[2], sorted(tails), n=1, cutoff=0.6)
    return tails[match[0]] if match else None


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return the end of a message: the nearest valid name where there is one, else the valid names (the first 12)."""
    names = sorted(set(valid))
    if not names:
        return "nothing is valid here"
    match = nearest(name, names)
    if match is not None:
        return f"did you mean `{match}`?"
    more = ", …" if len(names) > 12 else ""
    return f"valid: {', '.join(names[:12])}{more}"
