"""Requests: what is asked for, which checks it passes, how it is worded, and reading it back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rmx.worlds.access_desk.params import AccessDeskParams
from rmx.worlds.access_desk.phrases import (
    CLOSERS,
    DEPARTMENTS,
    FACTS,
    FRAMES,
    NAMES,
    PLACES,
    PURPOSES,
)
from rmx.worlds.access_desk.rule import ACTIONS, CHECKS, actions_of, right_action
from rmx.worlds.draws import Draws

__all__ = ["Request", "draw_request", "read_request", "word_request"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says, however it is worded."""

    place: str
    passed: Mapping[str, bool]
    """Whether each check that the house rule makes is passed."""

    @property
    def action(self) -> str:
        """The right action."""
        return right_action(self.passed)


def draw_request(draws: Draws, params: AccessDeskParams) -> Request:
    """Draw a request: place and right action uniform and independent, then facts that call for the action."""
    action = draws.pick("action", actions_of(params.facts))
    passed: dict[str, bool] = {}
    decided = False
    for check in CHECKS[: params.facts]:
        decides = ACTIONS[check] == action
        passed[check] = not (decides or (decided and draws.chance(f"conflict/{check}", params.conflict)))
        decided = decided or decides
    return Request(draws.pick("place", PLACES), passed)


def word_request(draws: Draws, request: Request, *, indirect: bool, variety: int) -> str:
    """Return a request in words: who asks for what, the facts in random order, maybe a pleasantry."""
    frame = draws.pick("frame", FRAMES).format(
        name=draws.pick("name", NAMES),
        department=draws.pick("department", DEPARTMENTS),
        place=request.place,
        purpose=draws.pick("purpose", PURPOSES),
    )
    facts = []
    for fact in request.passed.items():
        plain, indirectly = FACTS[fact]
        facts.append(draws.pick(f"wording/{fact[0]}", indirectly if indirect else plain[:variety]))
    parts = [frame, *draws.sample("order of facts", facts, len(facts))]
    if draws.chance("closes", 1 / 3):
        parts.append(draws.pick("closer", CLOSERS))
    return " ".join(parts)


def read_request(prompt: str) -> Request | None:
    """Read a request back from its words; None where they do not name one place and each check at most once."""
    places = set(_PLACE.findall(prompt))
    stated = [(check, ok) for (check, ok), pattern in _FACTS.items() if pattern.search(prompt)]
    checks = [check for check, _ in stated]
    if len(places) != 1 or not stated or len(set(checks)) != len(checks):
        return None
    return Request(places.pop(), dict(sorted(stated, key=lambda fact: CHECKS.index(fact[0]))))


_PLACE = re.compile("|".join(PLACES))
_FACTS = {key: re.compile("|".join(re.escape(w) for group in words for w in group)) for key, words in FACTS.items()}
