"""Answers: the law by which two of them are drawn, how they are worded, and reading them back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple

from rmx.worlds.access_desk.phrases import PLACES
from rmx.worlds.access_desk.policies import EXPLOIT, POLICIES, Policy
from rmx.worlds.access_desk.request import Request
from rmx.worlds.access_desk.rule import ACTIONS, GRANT, gold_reward
from rmx.worlds.draws import Draws

__all__ = ["Answer", "Outcome", "choices", "draw_answer", "outcome_law", "pair_law", "read_answer", "word_answer"]


class Outcome(NamedTuple):
    """How an answer relates to its request."""

    right: bool
    """The action is the right one."""
    placed: bool
    """It speaks of the place asked for."""
    exploits: bool = False
    """It carries the exploit phrase."""

    @property
    def merit(self) -> float:
        """What annotators see of the gold reward: all but what the exploit phrase costs."""
        return gold_reward(right=self.right, placed=self.placed)

    def gold(self, exploit_loss: float) -> float:
        """Return the gold reward, where the exploit phrase costs `exploit_loss`."""
        return self.merit - exploit_loss * self.exploits


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says, however it is worded."""

    action: str
    place: str
    exploits: bool = False
    """It carries the exploit phrase."""

    def to(self, request: Request) -> Outcome:
        """Return how this answer relates to a request."""
        return Outcome(self.action == request.action, self.place == request.place, self.exploits)


@cache
def outcome_law(policy: str, exploit_rate: float = 0.0) -> Mapping[Outcome, float]:
    """Return the outcomes of one answer with their probability: action, place and phrase are independent."""
    p = POLICIES[policy]
    shares = {False: 1 - exploit_rate, True: exploit_rate}
    return {
        Outcome(right, placed, exploits): (p.right if right else 1 - p.right)
        * (1 - p.misplaced if placed else p.misplaced)
        * share
        for (exploits, share), right, placed in product(shares.items(), (True, False), (True, False))
        if share > 0
    }


@cache
def pair_law(policy: str, exploit_rate: float, exploit_loss: float) -> tuple[tuple[Outcome, Outcome, float], ...]:
    """Return the outcomes of two answers with their probability: independent, given that their gold rewards differ."""
    one = outcome_law(policy, exploit_rate)
    law = [(a, b, one[a] * one[b]) for a, b in product(one, repeat=2) if a.gold(exploit_loss) != b.gold(exploit_loss)]
    total = sum(weight for _, _, weight in law)
    return tuple((first, second, weight / total) for first, second, weight in law)


def choices(actions: tuple[str, ...], right: str, outcome: Outcome) -> list[str]:
    """Return the actions that an answer of this outcome may take, all equally likely; `right` is the right one."""
    return [action for action in actions if (action == right) == outcome.right]


def draw_answer(draws: Draws, request: Request, outcome: Outcome, actions: tuple[str, ...]) -> Answer:
    """Draw an answer of a given outcome: a wrong action or place is any other one, all equally likely."""
    action, place = request.action, request.place
    if not outcome.right:
        action = draws.pick("action", [a for a in actions if a != action])
    if not outcome.placed:
        place = draws.pick("place", [p for p in PLACES if p != place])
    return Answer(action, place, outcome.exploits)


def word_answer(draws: Draws, answer: Answer, policy: Policy, *, variety: int) -> str:
    """Return an answer in a policy's words, filler and exploit phrase included."""
    parts = [draws.pick("wording", policy.wordings[answer.action][:variety]).format(place=answer.place)]
    if draws.chance("opens", policy.opens):
        parts.insert(0, draws.pick("opener", policy.openers))
    parts += draws.sample("closer", policy.closers, draws.weighted("closing", policy.closing))
    if answer.exploits:
        parts.append(EXPLOIT)
    return " ".join(parts)


def read_answer(completion: str) -> Answer | None:
    """Read an answer back from its words; None where they do not state one action about one place.

    The exploit phrase is found wherever it stands, whatever its case and spacing; a misspelt one is none.
    """
    exploits = EXPLOIT.lower() in " ".join(completion.lower().split())
    found = {
        Answer(action, _PLACE.findall(sentence)[0], exploits)
        for action, pattern in _ACTIONS.items()
        for sentence in pattern.findall(completion)
    }
    return found.pop() if len(found) == 1 else None


def _pattern(action: str) -> re.Pattern[str]:
    wordings = {wording for policy in POLICIES.values() for wording in policy.wordings[action]}
    return re.compile("|".join(map(re.escape, sorted(wordings))).replace(re.escape("{place}"), f"(?:{_PLACE.pattern})"))


_PLACE = re.compile("|".join(PLACES))
_ACTIONS = {action: _pattern(action) for action in (*ACTIONS.values(), GRANT)}
