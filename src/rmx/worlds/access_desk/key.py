"""The answer key: what is true of an access desk with given dials, summed exactly over everything that can be drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.access_desk.annotators import majority_probability, vote_probability
from rmx.worlds.access_desk.answer import Outcome, outcome_law, pair_law
from rmx.worlds.access_desk.lengths import length_law, words_sd
from rmx.worlds.access_desk.params import AccessDeskParams, read_params
from rmx.worlds.access_desk.phrases import PLACES
from rmx.worlds.access_desk.rule import actions_of

__all__ = ["access_desk_key"]


def access_desk_key(parameters: Mapping[str, Any]) -> dict[str, float]:
    """Return the truths of a world by name.

    bayes_accuracy: the most that any scorer can agree with the labels.
    response_only_accuracy: the most without seeing the prompt, by any function of both answers; 0.5 without a
        length shortcut, because swapping two actions, or two places, leaves the world as it is.
    label_matches_gold: share of labels that choose the answer of higher gold reward.
    longer_wins: share of chosen answers that have more words, among pairs of unequal length.
    policy_gold: mean gold reward of an answer of the policy, before answers of equal reward are left out of pairs.
    words_sd: standard deviation of an answer's words.
    margin_sd: standard deviation of the ideal scorer's margin in logits (chosen minus rejected).
    length_effect_per_word: what the ideal scorer pays for one more word, in those standard deviations.

    Raises:
        ConfigError: parameters that are unknown, of the wrong type or out of range.
    """
    params = read_params(parameters)
    sd = words_sd(params.policy, params.facts, params.variety)
    bayes = gold_label = longer = unequal = mean = square = 0.0
    views: dict[tuple[str, str, bool], NDArray[np.float64]] = defaultdict(lambda: np.zeros((2, 0)))
    for case in _cases(params):
        first = np.array([_first_wins(params, case.gold, words / sd) for words in case.words])
        margin = params.label_scale * case.gold + params.length_shortcut * case.words / sd
        bayes += float(case.weights @ np.maximum(first, 1 - first))
        gold_label += float(case.weights @ (first if case.gold > 0 else 1 - first))
        longer += float(case.weights @ (first * (case.words > 0) + (1 - first) * (case.words < 0)))
        unequal += float(case.weights @ (case.words != 0))
        mean += float(case.weights @ (margin * (2 * first - 1)))
        square += float(case.weights @ margin**2)
        for same_place, chance in case.same_place.items():
            view = (case.first_action, case.second_action, same_place)
            mass = chance * case.weights * np.stack([first, 1 - first])
            views[view] = mass if view not in views else views[view] + mass
    margin_sd = float(np.sqrt(square - mean**2))
    return {
        "bayes_accuracy": bayes,
        "response_only_accuracy": float(sum(mass.max(axis=0).sum() for mass in views.values())),
        "label_matches_gold": gold_label,
        "longer_wins": longer / unequal,
        "policy_gold": sum(chance * outcome.gold for outcome, chance in outcome_law(params.policy).items()),
        "words_sd": sd,
        "margin_sd": margin_sd,
        "length_effect_per_word": params.length_shortcut / sd / margin_sd,
    }


class _Case(NamedTuple):
    """All pairs of the same actions and gold difference."""

    first_action: str
    second_action: str
    gold: float
    words: NDArray[np.float64]
    """Possible differences in words."""
    weights: NDArray[np.float64]
    """Their probabilities; they sum to one over all cases."""
    same_place: Mapping[bool, float]
    """Chance that both answers speak of the same place, and that they do not."""


def _cases(params: AccessDeskParams) -> Iterator[_Case]:
    actions = actions_of(params.facts)
    for right in actions:
        for first, second, chance in pair_law(params.policy):
            for a, b in product(_choices(actions, right, first), _choices(actions, right, second)):
                # Full convolution with the reversed law: differences from -(n - 1) to n - 1.
                first_law, second_law = (length_law(params.policy, action, params.variety) for action in (a, b))
                spread = np.convolve(first_law, second_law[::-1])
                n = (len(spread) + 1) // 2
                ways = len(actions) * len(_choices(actions, right, first)) * len(_choices(actions, right, second))
                words = np.arange(-(n - 1), n, dtype=np.float64)
                gold = first.gold - second.gold
                yield _Case(a, b, gold, words, spread * chance / ways, _same_place(first, second))


def _choices(actions: tuple[str, ...], right: str, outcome: Outcome) -> list[str]:
    return [action for action in actions if (action == right) == outcome.right]


def _same_place(first: Outcome, second: Outcome) -> Mapping[bool, float]:
    if first.placed or second.placed:
        return {first.placed and second.placed: 1.0}
    same = 1 / (len(PLACES) - 1)
    return {True: same, False: 1 - same}


def _first_wins(params: AccessDeskParams, gold: float, spread: float) -> float:
    if params.labels == "gold":
        return float(gold > 0)
    return majority_probability(vote_probability(params, gold, spread), params.votes)
