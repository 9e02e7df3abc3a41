"""What a judge is asked, and how its reply is read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rmx.data.turns import readable
from rmx.domain import Message

__all__ = [
    "PLACES",
    "QUESTIONS",
    "RATING",
    "VERDICT",
    "Asker",
    "Reply",
    "as_text",
    "filled",
    "read_odds",
    "read_rating",
    "read_verdict",
]

PLACES = {"pairwise": ("prompt", "first", "second"), "pointwise": ("prompt", "completion")}
QUESTIONS = {
    "pairwise": (
        "Two assistants answered the same request. Judge which answer is better: more correct, more helpful, safer. Do "
        "not let length, order or style decide.\n\n<request>\n{prompt}\n</request>\n\n<answer_A>\n{first}\n</answer_A>"
        "\n\n<answer_B>\n{second}\n</answer_B>\n\nReply with one letter and nothing else: A or B."
    ),
    "pointwise": (
        "Rate how good the answer to the request is, from 1 (useless or harmful) to 10 (could not be better).\n\n"
        "<request>\n{prompt}\n</request>\n\n<answer>\n{completion}\n</answer>\n\n"
        "Reply with the number and nothing else."
    ),
}
VERDICT = r"^\W*(?:(?P<first>A)|(?P<second>B)|(?P<tie>[Tt]ie))\W*$"
"""A line that is one letter, or `tie`, and punctuation."""
RATING = r"^\W*(?P<rating>\d+(?:\.\d+)?)(?:\s*/\s*10)?\W*$"
"""A line that is a number."""
_QUOTED = 80


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said to a question."""

    text: str
    logprobs: Sequence[Mapping[str, float]] = field(default_factory=tuple)
    """Of each token of the reply, log-probabilities of the likeliest tokens there; empty where not asked for."""
    problem: str = ""
    """Why this question, unlike others, cannot be asked: a code, a colon, a detail."""


class Asker(Protocol):
    """A language model that answers questions, each by itself."""

    @property
    def identity(self) -> str:
        """Changes whenever its replies could."""
        ...

    def ask(self, question: str) -> Reply:
        """Return its reply at temperature 0."""
        ...


def filled(question: str, **texts: str) -> str:
    """Return the question with its places filled in, in one pass: a text that spells a place stays as it is."""
    return re.sub(r"\{(\w+)\}", lambda match: readable(texts.get(match[1], match[0])), question)


def as_text(prompt: Sequence[Message]) -> str:
    """Return a prompt as text: of one turn its content, of several each with its role."""
    if len(prompt) == 1:
        return prompt[0].content
    return "\n\n".join(f"[{message.role}]\n{readable(message.content)}" for message in prompt)


def read_verdict(reply: Reply, pattern: re.Pattern[str]) -> float | str:
    """Return 1 for the first answer, -1 for the second, 0 for a tie; or why there is none."""
    found = list(pattern.finditer(reply.text))
    if reply.problem:
        return reply.problem
    if not found:
        return f"no_verdict: the judge said {_quoted(reply.text)}"
    named = {name for name, value in found[-1].groupdict().items() if value is not None}
    return 1.0 if "first" in named else -1.0 if "second" in named else 0.0


def read_odds(reply: Reply) -> float | str:
    """Return log P(A) - log P(B) where the reply first says one of them; or why they are not to be had."""
    if reply.problem:
        return reply.problem
    for likeliest in reply.logprobs:
        by_letter: dict[str, list[float]] = {"A": [], "B": []}
        for token, value in likeliest.items():
            by_letter.get(token.strip(), []).append(value)
        best = max(likeliest, key=lambda token: likeliest[token], default="").strip()
        if best in by_letter:
            if not (by_letter["A"] and by_letter["B"]):
                return "no_logprob: one of A and B is not among the likeliest tokens"
            return _log_sum(by_letter["A"]) - _log_sum(by_letter["B"])
    return f"no_logprob: no token of the reply is A or B; the judge said {_quoted(reply.text)}"


def read_rating(reply: Reply, pattern: re.Pattern[str]) -> float | str:
    """Return the rating; or why there is none."""
    found = list(pattern.finditer(reply.text))
    if reply.problem:
        return reply.problem
    try:
        return float(found[-1]["rating"])
    except (IndexError, TypeError, ValueError):
        return f"no_rating: the judge said {_quoted(reply.text)}"


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(v - top) for v in values))


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…")
