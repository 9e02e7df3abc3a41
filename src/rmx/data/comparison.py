"""What a row becomes before it is judged: a comparison of two dialogues with a label, or its rejection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rmx.domain import LabelSource, Message, Origin, PreferencePair

__all__ = ["Comparison", "Dialogue", "Label", "Problem", "Rejection"]

Dialogue = tuple[Message, ...]
Label = Literal["first", "second", "tie", "abstain", "undecided", "unknown", "unread"]
"""`undecided`: several annotators voted for either side, as many for one as for the other. `unread`: the row's texts
could not be read, so its label was not."""


class Problem(NamedTuple):
    """A defect that shows while a row is read: the reason code of its rule, and a few words."""

    reason: str
    detail: str


@dataclass(slots=True)
class Comparison:
    """Two whole dialogues and which one was preferred; the last turn of each is the completion being judged."""

    origin: Origin
    first: Dialogue
    second: Dialogue
    label: Label
    raw_label: str = ""
    """The label as the data spell it, for messages."""
    votes: tuple[int, int, int] | None = None
    """Votes for (first, second, tie), abstentions left out, where several annotators voted."""
    given_id: str | None = None
    group: str = ""
    weight: float = 1.0
    strength: float | None = None
    label_source: LabelSource = "unknown"
    tags: Mapping[str, str] = field(default_factory=dict)
    side_tags: tuple[Mapping[str, str], Mapping[str, str]] | None = None
    """Facts of the first and of the second completion; they become tags chosen_... and rejected_...."""
    designed: bool = False
    """Whether the comparison is a cell of a published table, counted there even if its texts are those of another."""
    problem: Problem | None = None
    """Why the row could not be read as two dialogues."""

    @property
    def decided(self) -> bool:
        """Whether the label names one side."""
        return self.label in ("first", "second")

    def oriented(self, pair_id: str) -> PreferencePair:
        """Return the pair that the label makes of the two sides; an undecided one keeps the data's order."""
        swap = self.label == "second"
        chosen, rejected = (self.second, self.first) if swap else (self.first, self.second)
        votes = self.votes
        if votes is not None and swap:
            votes = (votes[1], votes[0], votes[2])
        tags = self.tags
        if self.side_tags is not None:
            sides = self.side_tags[::-1] if swap else self.side_tags
            named = (("chosen", sides[0]), ("rejected", sides[1]))
            tags = {**tags, **{f"{side}_{key}": value for side, facts in named for key, value in facts.items()}}
        return PreferencePair(
            pair_id=pair_id,
            prompt=chosen[:-1],
            chosen=chosen[-1].content,
            rejected=rejected[-1].content,
            origin=self.origin,
            group=self.group,
            agreement=votes[0] / sum(votes) if votes is not None else 1.0,
            votes=votes,
            strength=self.strength,
            weight=self.weight,
            label_source=self.label_source,
            tags=tags,
        )


class Rejection(NamedTuple):
    """A comparison that left, and why."""

    pair_id: str
    origin: Origin
    reason: str
    detail: str
