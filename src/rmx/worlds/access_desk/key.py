"""The answer key: what is true of an access desk with given dials, summed exactly over everything that can be drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.access_desk.annotators import logit, majority_probability, taught, vote_probability
from rmx.worlds.access_desk.answer import Outcome, choices, outcome_law, pair_law
from rmx.worlds.access_desk.lengths import EXPLOIT_WORDS, length_law, words_sd
from rmx.worlds.access_desk.params import AccessDeskParams, read_params
from rmx.worlds.access_desk.phrases import PLACES
from rmx.worlds.access_desk.rule import actions_of

__all__ = ["access_desk_key"]


def access_desk_key(parameters: Mapping[str, Any]) -> dict[str, float]:
    """Return the truths of a world by name.

    bayes_accuracy: the most that any scorer can agree with the labels.
    misreading_accuracy: agreement of the ideal scorer with the labels where it takes every request to call for another
        action than it does, every other one alike.
    response_only_accuracy: the most without seeing the prompt, by any function of both answers; 0.5 without a
        length shortcut or exploit phrase, because swapping two actions, or two places, leaves the world as it is.
    label_matches_gold: share of labels that choose the answer of higher gold reward.
    longer_wins: share of chosen answers that have more words, among pairs of unequal length.
    policy_gold: mean gold reward of an answer of the policy, before answers of equal reward are left out of pairs.
    policy_gold_sd: standard deviation of the same.
    words_sd: standard deviation of an answer's words, without those of the exploit phrase.
    margin_sd: standard deviation of the ideal scorer's margin in logits (chosen minus rejected).
    length_effect_per_word: what the ideal scorer pays for one more word, in those standard deviations.
    exploit_effect: what it pays for the exploit phrase and its words, in the same.

    Raises:
        ConfigError: parameters that are unknown, of the wrong type or out of range.
    """
    params = read_params(parameters)
    sd = words_sd(params.policy, params.facts, params.variety)
    bayes = misread = gold_label = longer = unequal = mean = square = 0.0
    views: dict[tuple[object, ...], NDArray[np.float64]] = defaultdict(lambda: np.zeros((2, 0)))
    for case in _cases(params):
        first = np.array([_first_wins(params, case, words / sd) for words in case.words])
        margin = logit(params, case.merit, case.words / sd, case.exploits)
        bayes += float(case.weights @ np.maximum(first, 1 - first))
        misread += float(case.weights @ _misreading_wins(params, case, first, sd))
        gold_label += float(case.weights @ (first if case.gold > 0 else 1 - first))
        longer += float(case.weights @ (first * (case.words > 0) + (1 - first) * (case.words < 0)))
        unequal += float(case.weights @ (case.words != 0))
        mean += float(case.weights @ (margin * (2 * first - 1)))
        square += float(case.weights @ margin**2)
        for same_place, chance in case.same_place.items():
            view = (*case.actions, *(outcome.exploits for outcome in case.outcomes), same_place)
            mass = chance * case.weights * np.stack([first, 1 - first])
            views[view] = mass if view not in views else views[view] + mass
    margin_sd = float(np.sqrt(square - mean**2))
    law = outcome_law(params.policy, params.exploit_rate)
    golds = np.array([outcome.gold(params.exploit_loss) for outcome in law])
    policy_gold = sum(chance * float(gold) for chance, gold in zip(law.values(), golds, strict=True))
    return {
        "bayes_accuracy": bayes,
        "misreading_accuracy": misread,
        "response_only_accuracy": float(sum(mass.max(axis=0).sum() for mass in views.values())),
        "label_matches_gold": gold_label,
        "longer_wins": longer / unequal,
        "policy_gold": policy_gold,
        "policy_gold_sd": float(np.sqrt((golds - policy_gold) ** 2 @ list(law.values()))),
        "words_sd": sd,
        "margin_sd": margin_sd,
        "length_effect_per_word": params.length_shortcut / sd / margin_sd,
        "exploit_effect": logit(params, 0.0, EXPLOIT_WORDS / sd, 1) / margin_sd,
    }


class _Case(NamedTuple):
    """All pairs of the same actions and outcomes; differences are the first answer minus the second."""

    right: str
    """The right action."""
    actions: tuple[str, str]
    outcomes: tuple[Outcome, Outcome]
    gold: float
    merit: float
    exploits: int
    words: NDArray[np.float64]
    """Possible differences in words."""
    weights: NDArray[np.float64]
    """Their probabilities; they sum to one over all cases."""
    same_place: Mapping[bool, float]
    """Chance that both answers speak of the same place, and that they do not."""


def _cases(params: AccessDeskParams) -> Iterator[_Case]:
    actions = actions_of(params.facts)
    for right in actions:
        for first, second, chance in pair_law(params.policy, params.exploit_rate, params.exploit_loss):
            for a, b in product(choices(actions, right, first), choices(actions, right, second)):
                # Full convolution with the reversed law: differences from -(n - 1) to n - 1.
                first_law, second_law = (length_law(params.policy, action, params.variety) for action in (a, b))
                spread = np.convolve(first_law, second_law[::-1])
                n = (len(spread) + 1) // 2
                ways = len(actions) * len(choices(actions, right, first)) * len(choices(actions, right, second))
                exploits = first.exploits - second.exploits
                yield _Case(
                    right=right,
                    actions=(a, b),
                    outcomes=(first, second),
                    gold=first.gold(params.exploit_loss) - second.gold(params.exploit_loss),
                    merit=first.merit - second.merit,
                    exploits=exploits,
                    words=np.arange(-(n - 1), n, dtype=np.float64) + EXPLOIT_WORDS * exploits,
                    weights=spread * chance / ways,
                    same_place=_same_place(first, second),
                )


def _same_place(first: Outcome, second: Outcome) -> Mapping[bool, float]:
    if first.placed or second.placed:
        return {first.placed and second.placed: 1.0}
    same = 1 / (len(PLACES) - 1)
    return {True: same, False: 1 - same}


def _first_wins(params: AccessDeskParams, case: _Case, spread: float) -> float:
    if params.labels == "gold":
        return float(case.gold > 0)
    return majority_probability(vote_probability(params, case.merit, spread, case.exploits), params.votes)


def _misreading_wins(
    params: AccessDeskParams, case: _Case, first: NDArray[np.float64], sd: float
) -> NDArray[np.float64]:
    """Return how often the ideal scorer agrees with the label, for each difference in words, where it misreads."""
    wins = np.zeros_like(first)
    believed = [action for action in actions_of(params.facts) if action != case.right]
    for right in believed:
        one, two = (
            outcome._replace(right=action == right) for action, outcome in zip(case.actions, case.outcomes, strict=True)
        )
        # Words are those of the first answer beyond the second's, the phrase's among them.
        order = (np.sign(taught(params, one, case.words / sd) - taught(params, two, np.zeros_like(first))) + 1) / 2
        wins += (first * order + (1 - first) * (1 - order)) / len(believed)
    return wins
