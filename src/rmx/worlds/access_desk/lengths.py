"""How long answers are: the exact distribution of an answer's words, and their unit in the length shortcut."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from rmx.worlds.access_desk.phrases import PLACES
from rmx.worlds.access_desk.policies import EXPLOIT, POLICIES
from rmx.worlds.access_desk.rule import actions_of

__all__ = ["EXPLOIT_WORDS", "length_law", "words_in", "words_sd"]

_SIZE = 64
"""More than the words of any answer."""


def words_in(text: str) -> int:
    """Return the number of words, as white space parts them."""
    return len(text.split())


EXPLOIT_WORDS = words_in(EXPLOIT)
"""Words of the exploit phrase, which an answer that carries it has beside those of its law."""


@cache
def length_law(policy: str, action: str, variety: int) -> NDArray[np.float64]:
    """Return the probability of 0, 1, 2 ... words of an answer that takes `action`, exploit phrase apart; (64,)."""
    p = POLICIES[policy]
    wording = _uniform(words_in(wording.format(place=PLACES[0])) for wording in p.wordings[action][:variety])
    opener = (1 - p.opens) * _uniform([0]) + p.opens * _uniform(map(words_in, p.openers))
    lengths = [words_in(closer) for closer in p.closers]
    closing = sum(
        (chance * _uniform(map(sum, permutations(lengths, count))) for count, chance in enumerate(p.closing)),
        start=np.zeros(_SIZE),
    )
    return np.convolve(np.convolve(wording, opener), closing)[:_SIZE]


@cache
def words_sd(policy: str, facts: int, variety: int) -> float:
    """Return the standard deviation of an answer's words, all actions equally likely and no exploit phrase.

    It is the annotators' unit of length at every exploit rate, so that the rate changes no other label.
    """
    law = np.mean([length_law(policy, action, variety) for action in actions_of(facts)], axis=0)
    words = np.arange(_SIZE)
    return float(np.sqrt(law @ words**2 - (law @ words) ** 2))


def _uniform(lengths: Iterable[int]) -> NDArray[np.float64]:
    counts = np.bincount(list(lengths), minlength=_SIZE).astype(np.float64)
    total: float = counts.sum()
    return counts / total
