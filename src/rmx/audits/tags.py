"""Tags of a slice's pairs as an audit wants them: one of every pair, or the audit has no data."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from rmx.audits.evidence import UnavailableError
from rmx.score_table import ScoreView

__all__ = ["number_tags", "tag_values"]


def tag_values(view: ScoreView, *names: str, among: Collection[str] | None = None) -> list[NDArray[np.str_]]:
    """Return each named tag of every pair, an array (pairs,) per tag.

    Args:
        view: One scorer's rows of a slice.
        names: Tags to read.
        among: The values that are allowed, where only some make sense.

    Raises:
        UnavailableError: A pair lacks a tag, or has a value of it that makes no sense.
    """
    tags = view.tags()
    columns = []
    for name in names:
        missing = next((i for i, known in enumerate(tags) if name not in known), None)
        if missing is not None:
            raise UnavailableError(
                "not_provided", f"no tag {name} of pair {view.pair_ids[missing]} of slice {view.slice}"
            )
        column = np.array([known[name] for known in tags], dtype=str)
        odd = next((i for i, value in enumerate(column) if among is not None and value not in among), None)
        if odd is not None:
            raise UnavailableError(
                f"tag {name} of pair {view.pair_ids[odd]} of slice {view.slice} is {str(column[odd])!r}; "
                f"it must be {' or '.join(among or ())}"
            )
        columns.append(column)
    return columns


def number_tags(view: ScoreView, *names: str, signed: bool = False) -> list[NDArray[np.float64]]:
    """Return each named tag of every pair as a number, an array (pairs,) per tag; negative ones only if `signed`.

    Raises:
        UnavailableError: A pair lacks a tag, or its value is no such number.
    """
    columns = []
    for name, texts in zip(names, tag_values(view, *names), strict=True):
        try:
            numbers = texts.astype(np.float64)
        except ValueError as error:
            raise UnavailableError(f"tag {name} of slice {view.slice} must be a number: {error}") from None
        if not (np.isfinite(numbers) & (signed | (numbers >= 0))).all():
            kind = "finite number" if signed else "number that is not negative"
            raise UnavailableError(f"tag {name} of slice {view.slice} must be a {kind}")
        columns.append(numbers)
    return columns
