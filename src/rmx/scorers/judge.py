"""A language model as a judge of pairs, in both orders, and as one that rates texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from rmx.audits.position_bias import CHOSEN_FIRST, REJECTED_FIRST
from rmx.domain import Candidate, PreferencePair
from rmx.scorers.base import Scored
from rmx.scorers.judge_journal import Journal
from rmx.scorers.judge_question import Reply, as_text, filled, read_odds, read_rating, read_verdict

__all__ = ["PairJudge", "RatingScorer"]


class PairJudge:
    """Margins of pairs: the mean over the two orders of what speaks for the chosen answer."""

    def __init__(self, journal: Journal, question: str, pattern: re.Pattern[str], *, by_logprobs: bool) -> None:
        self.journal = journal
        self.question = question
        self.pattern = pattern
        self.by_logprobs = by_logprobs
        self.identity = _identity("judge", journal, question, pattern, by_logprobs)
        self.flags: tuple[str, ...] = ()

    def score_pairs(self, pairs: Sequence[PreferencePair]) -> Scored:
        """Return the margins of n pairs; a pair without a verdict in either order has none.

        `parts` has the margins of either order, see `rmx.audits.position_bias`.

        Raises:
            RunError: The model cannot be asked any more; what it said is kept.
        """
        sides = [(p, *texts) for p in pairs for texts in ((p.chosen, p.rejected), (p.rejected, p.chosen))]
        questions = [filled(self.question, prompt=as_text(p.prompt), first=a, second=b) for p, a, b in sides]
        read = [self._read(reply) for reply in self.journal.ask_all(questions)]
        first, second = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
        reasons: dict[int, str] = {}
        for i in range(len(pairs)):
            for values, sign, found in ((first, 1, read[2 * i]), (second, -1, read[2 * i + 1])):
                if isinstance(found, str):
                    reasons.setdefault(i, found)
                else:
                    values[i] = sign * found
        both = np.isfinite(first) & np.isfinite(second)
        if both.any():
            share = float((first[both] * second[both] < 0).mean())
            print(f"note: the verdict follows the position in {share:.1%} of {int(both.sum()):,} pairs")
        return Scored((first + second) / 2, reasons, {CHOSEN_FIRST: first, REJECTED_FIRST: second})

    def _read(self, reply: Reply) -> float | str:
        return read_odds(reply) if self.by_logprobs else read_verdict(reply, self.pattern)


class RatingScorer:
    """Rewards of texts: the ratings that the judge gives them."""

    def __init__(self, journal: Journal, question: str, pattern: re.Pattern[str]) -> None:
        self.journal = journal
        self.question = question
        self.pattern = pattern
        self.identity = _identity("rating", journal, question, pattern)
        self.flags: tuple[str, ...] = ()

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return the ratings of n candidates; one whose reply holds none has a reason.

        Raises:
            RunError: The model cannot be asked any more; what it said is kept.
        """
        questions = [filled(self.question, prompt=as_text(c.prompt), completion=c.completion) for c in candidates]
        read = [read_rating(reply, self.pattern) for reply in self.journal.ask_all(questions)]
        values = [np.nan if isinstance(found, str) else found for found in read]
        return Scored(np.array(values, np.float64), {i: r for i, r in enumerate(read) if isinstance(r, str)})


def _identity(kind: str, journal: Journal, question: str, pattern: re.Pattern[str], *further: object) -> str:
    digest = hashlib.sha256(repr((journal.identity, question, pattern.pattern, *further)).encode()).hexdigest()
    return f"{kind}/{digest[:16]}"
