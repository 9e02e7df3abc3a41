"""What a row becomes before it is judged: a comparison of two dialogues with a label, or its rejection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rmx.domain import LabelSource, Message, Origin, PreferencePair

__all__ = ["SOURCE_TAG", "Ballot", "Comparison", "Dialogue", "Label", "Problem", "Rejection"]

SOURCE_TAG = "source"
"""Tag of a pair of a mixture: the source that it came from."""

Dialogue = tuple[Message, ...]
Label = Literal["first", "second", "tie", "abstain", "undecided", "unknown", "unread"]
"""`undecided`: several annotators voted for either side, as many for one as for the other. `unread`: the row's texts
could not be read, so its label was not."""


class Ballot(NamedTuple):
    """What one annotator said of a comparison."""

    annotator: str
    """Name or id, as the data give it."""
    vote: Literal["first", "second", "tie"]


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
    ballots: tuple[Ballot, ...] = ()
    """The same votes with who cast them, where the data say so; they become tag `ballots`."""
    golden: Literal["first", "second"] | None = None
    """The side that is known to be right, whatever the votes say; becomes tag `golden`."""
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
    source: str = ""
    """Which source of a mixture it came from; becomes tag `source`. Empty where the data are no mixture."""

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
            tags={**self.tags, **self._added_tags(swap=swap)},
            tied=self.label == "tie",
        )

    def _added_tags(self, *, swap: bool) -> dict[str, str]:
        """Return the source, and what is known of the first and of the second side by whether it is the chosen one."""
        names = {"first": "rejected", "second": "chosen"} if swap else {"first": "chosen", "second": "rejected"}
        tags: dict[str, str] = {SOURCE_TAG: self.source} if self.source else {}
        for side, facts in zip(("first", "second"), self.side_tags or (), strict=False):
            tags |= {f"{names[side]}_{key}": value for key, value in facts.items()}
        if self.ballots:
            tags["ballots"] = json.dumps([[b.annotator, names.get(b.vote, b.vote)] for b in self.ballots])
        if self.golden is not None:
            tags["golden"] = names[self.golden]
        return tags


class Rejection(NamedTuple):
    """A comparison that left, and why."""

    pair_id: str
    origin: Origin
    reason: str
    detail: str
    source: str = ""
    """Of a mixture."""
