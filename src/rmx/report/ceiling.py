"""The noise ceiling in words, to stand beside a heldout accuracy: how high it could have been."""

from __future__ import annotations

from collections.abc import Sequence

from rmx.domain import AuditResult
from rmx.report.sentences import evidence_words, interval_words, meaning

__all__ = ["ceiling_words"]


def ceiling_words(results: Sequence[AuditResult]) -> str:
    """Say between what any scorer's accuracy could at best lie, or why that cannot be told.

    Args:
        results: Those of audit `noise_ceiling` for one slice and scorer; none where it was not run.
    """
    found = {result.metric: result for result in results}
    low, high, point = (found.get(f"accuracy_{end}") for end in ("low", "high", "point"))
    if low is None or high is None:
        return "not provided: audit noise_ceiling was not run"
    if low.estimate is None or high.estimate is None:
        reason = meaning(low).rstrip(".")
        return reason[:1].lower() + reason[1:]
    words = f"between {interval_words(low)} and {interval_words(high)} against one annotator's label"
    if point is not None and point.estimate is not None:
        words += f", {interval_words(point)} if pairs are beta distributed"
    return f"{words}, from {evidence_words(low)}"
