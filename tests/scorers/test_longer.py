from __future__ import annotations

import numpy as np

from rmx.domain import Candidate, Message
from rmx.scorers import build_baseline

PROMPT = (Message("user", "q"),)


def test_longer_counts_tokens():
    candidates = [Candidate("a", PROMPT, "xxxxxxxx", 2), Candidate("b", PROMPT, "x", 5)]
    rewards = build_baseline("longer").score(candidates)
    assert rewards.dtype == np.float64
    assert rewards.tolist() == [2.0, 5.0]


def test_without_tokens_of_every_text_it_counts_characters():
    candidates = [Candidate("a", PROMPT, "xxxx", 9), Candidate("b", PROMPT, "x")]
    assert build_baseline("longer").score(candidates).tolist() == [4.0, 1.0]


def test_nothing_to_score():
    assert build_baseline("longer").score([]).shape == (0,)
