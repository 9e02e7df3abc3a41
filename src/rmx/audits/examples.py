"""Single cases that show what an audit found, named by their texts' ids: audits read no text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rmx.score_table import ScoreView

__all__ = ["Example", "Side", "wrong_pairs"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two texts of an example."""

    role: str
    """What the text is in it: chosen, rejected, original, edited and so on."""
    candidate_id: str | None
    """None where the score table does not name its candidates."""
    reward: float | None
    """None for a pairwise judge."""
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """Two texts whose rewards should lie otherwise."""

    audit: str
    """The audit whose finding it shows."""
    slice: str
    scorer: str
    name: str
    """The pair, or the variant of an edit."""
    metric: str
    """What `size` is, in the words of a metric: its unit is that of the metric."""
    size: float
    sides: tuple[Side, Side]
    tags: Mapping[str, str] = field(default_factory=dict)


def wrong_pairs(view: ScoreView, most: int) -> list[Example]:
    """Return up to `most` pairs in the wrong order, the lowest margin first; one with a NaN reward is none."""
    tags = view.tags()
    order = np.argsort(view.margins, kind="stable")[:most]  # NaN sorts last
    return [
        Example(
            audit="accuracy",
            slice=view.slice,
            scorer=view.scorer,
            name=view.pair_ids[i],
            metric="margin",
            size=float(view.margins[i]),
            sides=(_side(view, i, "chosen"), _side(view, i, "rejected")),
            tags=tags[i],
        )
        for i in order.tolist()
        if view.margins[i] < 0
    ]


def _side(view: ScoreView, i: int, role: str) -> Side:
    ids, rewards, tokens = (
        (view.chosen_ids, view.chosen, view.chosen_tokens)
        if role == "chosen"
        else (view.rejected_ids, view.rejected, view.rejected_tokens)
    )
    return Side(
        role,
        ids[i],
        None if rewards is None else float(rewards[i]),
        None if tokens is None else int(tokens[i]),
    )
