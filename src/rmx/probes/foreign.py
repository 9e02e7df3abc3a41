"""A prompt that has nothing to do with a pair: of another group, and about as long."""

from __future__ import annotations

from collections.abc import Sequence

from rmx.data.text import unit_interval
from rmx.data.turns import said
from rmx.domain import PreferencePair
from rmx.probes.probe import Prompt

__all__ = ["foreign_prompts"]


def foreign_prompts(pairs: Sequence[PreferencePair]) -> list[Prompt | None]:
    """Return for each pair the prompt of the next longer pair of another group, or the next shorter at the end.

    Lengths are in characters over all turns; among equal lengths a hash of the pair's id decides, so that the answer
    does not depend on the order of the pairs. None for every pair where all are of one group.
    """
    order = sorted(
        range(len(pairs)),
        key=lambda i: (_length(pairs[i].prompt), unit_interval(pairs[i].pair_id, "foreign"), pairs[i].pair_id),
    )
    found: list[Prompt | None] = [None] * len(pairs)
    other: int | None = None
    # From the longest down, `other` is the nearest longer pair of a group unlike that of the pair at hand.
    for place in range(len(order) - 1, -1, -1):
        i = order[place]
        if place + 1 < len(order) and pairs[order[place + 1]].group != pairs[i].group:
            other = order[place + 1]
        if other is not None:
            found[i] = pairs[other].prompt
    shorter: int | None = None
    for place, i in enumerate(order):
        if place and pairs[order[place - 1]].group != pairs[i].group:
            shorter = order[place - 1]
        if found[i] is None and shorter is not None:
            found[i] = pairs[shorter].prompt
    return found


def _length(prompt: Prompt) -> int:
    return sum(len(said(message.content)) for message in prompt)
