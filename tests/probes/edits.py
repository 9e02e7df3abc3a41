"""Edits to look at: of one completion, and of a world whose gold reward can be read from any text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rmx.domain import Candidate, Message
from rmx.probes import PROBES, Edited
from rmx.worlds import WORLDS
from rmx.worlds.access_desk.policies import POLICIES


class DeskEdit(NamedTuple):
    """An edit of an answer of the access desk."""

    variant: str
    gold: float
    """Of the original answer."""
    gold_after: float | None
    """Of the edited one; None where it cannot be read."""


def desk_edits(probe: str, *, pairs: int = 200) -> Iterator[DeskEdit]:
    """Edit answers of the access desk's policies, and read the gold reward of what comes out."""
    desk = WORLDS["access_desk"]
    for policy in POLICIES:
        for row in desk.rows({"pairs": pairs, "policy": policy}):
            for side in ("chosen", "rejected"):
                candidate = Candidate(f"{row['id']}/{side}", (Message("user", row["prompt"]),), row[side])
                for variant, edited in PROBES[probe].edit(candidate, None).items():
                    gold = desk.gold(edited.prompt[-1].content, edited.completion)
                    yield DeskEdit(variant, row[f"gold_{side}"], gold)


def edits_of(probe: str, completion: str, key: str = "k", prompt: str = "a question") -> dict[str, Edited]:
    """Edit one completion."""
    return dict(PROBES[probe].edit(Candidate(key, (Message("user", prompt),), completion), None))
