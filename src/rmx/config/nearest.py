"""What the user most likely meant: the nearest valid name, worded once for every message."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

__all__ = ["did_you_mean", "nearest"]

_ALIKE = 0.7
_SHOWN = 12


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name most like `name`, or None where none is like it.

    Dotted names are alike when their last parts are; the parts before decide between equals, so that `loss.centre`
    finds `loss.center`, and so does `centre` alone.
    """
    parent, _, last = name.rpartition(".")

    def likeness(candidate: str) -> float:
        before, _, end = candidate.rpartition(".")
        alike = _ratio(last, end)
        return alike + _ratio(parent, before) / 2 if alike >= _ALIKE else 0.0

    best = max(sorted(set(valid)), key=likeness, default=None)
    return best if best is not None and likeness(best) > 0 else None


def _ratio(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return the end of a message: the nearest valid name where there is one, else the first valid names."""
    names = sorted(set(valid))
    if not names:
        return "nothing is valid here"
    match = nearest(name, names)
    if match is not None:
        return f"did you mean `{match}`?"
    return f"valid: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
