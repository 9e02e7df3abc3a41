"""What becomes of comparisons that annotators disagree on: every policy sends them somewhere, none drops them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

from rmx.config.nearest import did_you_mean
from rmx.domain import PreferencePair
from rmx.errors import ConfigError

__all__ = ["POLICIES", "Route", "route"]

Destination = Literal["keep", "disputed", "review"]


class Route(NamedTuple):
    """Where a pair goes, and the pair as it goes there."""

    destination: Destination
    pair: PreferencePair


def _unanimous(pair: PreferencePair) -> Route:
    """Train on what all agree on; the rest is for a person to decide."""
    return Route("review", pair)


def _hold_out(pair: PreferencePair) -> Route:
    """Train on what all agree on; the rest becomes the slice `disputed`."""
    return Route("disputed", pair)


def _majority(pair: PreferencePair) -> Route:
    """Train on what more than half of all votes chose, as if all had."""
    return Route("keep" if pair.agreement > 0.5 else "review", pair)


def _weight(pair: PreferencePair) -> Route:
    """Train on every decided pair, weighted by its net votes: (chosen - rejected) / all."""
    chosen, rejected, tie = pair.votes or (1, 0, 0)
    return Route("keep", replace(pair, weight=pair.weight * (chosen - rejected) / (chosen + rejected + tie)))


POLICIES: dict[str, Callable[[PreferencePair], Route]] = {
    "unanimous": _unanimous,
    "hold_out": _hold_out,
    "majority": _majority,
    # The same pairs as under `majority`: below one half, 1 - agreement as a soft label would prefer the rejected side,
    # although more voted for the chosen one (ties stand in the denominator). The loss reads `agreement`.
    "soft_label": _majority,
    "weight": _weight,
}


def route(pair: PreferencePair, policy: str, *, decided: bool) -> Route:
    """Return where a pair goes under a policy. Unanimous ones are kept, undecided ones go to review, under any.

    Raises:
        ConfigError: the policy is not known.
    """
    if policy not in POLICIES:
        raise ConfigError(f"data.annotators={policy} is not known; {did_you_mean(policy, POLICIES)}")
    if not decided:
        return Route("review", pair)
    return Route("keep", pair) if pair.agreement == 1.0 else POLICIES[policy](pair)
