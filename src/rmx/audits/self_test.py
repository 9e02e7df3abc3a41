"""What must hold of accuracy on any table; where it does not, neither the metric nor the table can be believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rmx.audits.accuracy import accuracy_interval
from rmx.score_table import ScoreView

__all__ = ["SelfTestError", "self_test"]

TOLERANCE = 1e-9


class SelfTestError(Exception):
    """An invariance of accuracy does not hold on a table; no number of it is to be reported."""


def self_test(view: ScoreView) -> None:
    """Check one scorer's rows of a slice, all rewards finite.

    Swapping the labels must give 1 - accuracy, with the interval mirrored. A pair of a completion with itself must have
    margin 0 and win one half: a candidate has one reward, however many pairs it is in. The order of the rows must not
    matter.

    Raises:
        SelfTestError: The first that does not hold.
    """
    wins, codes = view.wins, view.group_codes
    accuracy = accuracy_interval(wins, codes)
    found = (accuracy.low, accuracy.estimate, accuracy.high)
    swapped = accuracy_interval(replace(view, margins=-view.margins).wins, codes)
    mirrored = tuple(None if x is None else 1 - x for x in (swapped.high, swapped.estimate, swapped.low))
    if not _same(found, mirrored):
        raise SelfTestError(
            f"swapping the labels gives accuracy {swapped.estimate:.6g}, not 1 - {accuracy.estimate:.6g}"
        )
    itself = accuracy_interval(replace(view, margins=view.margins - view.margins).wins, codes).estimate
    if not _same((itself,), (0.5,)):
        raise SelfTestError(f"pairs of identical completions give accuracy {itself:.6g}, not one half")
    _one_reward_each(view)
    order = np.random.default_rng(0).permutation(len(view))
    shuffled = accuracy_interval(wins[order], codes[order])
    if not _same(found, (shuffled.low, shuffled.estimate, shuffled.high)):
        raise SelfTestError(
            f"the order of the rows changes accuracy from {accuracy.estimate:.6g} to {shuffled.estimate:.6g}"
        )


def _one_reward_each(view: ScoreView) -> None:
    """Check that equal candidates have equal rewards, so that their margin is 0."""
    if view.chosen is None or view.rejected is None:
        return
    rewards: dict[str, float] = {}
    for ids, side in ((view.chosen_ids, view.chosen), (view.rejected_ids, view.rejected)):
        for candidate, reward in zip(ids, side.tolist(), strict=True):
            if candidate is None:
                continue
            first = rewards.setdefault(candidate, reward)
            if abs(first - reward) > TOLERANCE * max(1.0, abs(first)):
                raise SelfTestError(
                    f"candidate {candidate} has rewards {first:.6g} and {reward:.6g}: "
                    "the margin of identical completions is not 0"
                )


def _same(first: tuple[float | None, ...], second: tuple[float | None, ...]) -> bool:
    return all(
        (a is None) == (b is None) and (a is None or b is None or abs(a - b) <= TOLERANCE)
        for a, b in zip(first, second, strict=True)
    )
