"""The rules that a comparison must pass, each a small named function with its reason code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from rmx.data.comparison import Comparison, Dialogue
from rmx.data.expand.adapter import ROLES
from rmx.data.text import fold
from rmx.data.turns import TOOLS, said, strings

__all__ = ["NOT_DEFECTS", "RULES", "Rule", "first_violation"]

Rule = Callable[[Comparison], str | None]
"""Returns what is wrong in a few words, or None."""

NOT_DEFECTS = frozenset({"tie_or_abstention", "tie_held_out", "over_length"})
"""Reasons that say nothing against the data: they do not count towards `data.max_defects`."""


def tie_or_abstention(c: Comparison) -> str | None:
    """Nobody preferred either side."""
    return f"label {c.raw_label}" if c.label in ("tie", "abstain") else None


def unknown_label(c: Comparison) -> str | None:
    """The label has no meaning in `data.labels`, or contradicts the votes."""
    return f"label {c.raw_label} is not in data.labels" if c.label == "unknown" else None


def invalid_weight(c: Comparison) -> str | None:
    """A weight must be finite and positive."""
    return None if math.isfinite(c.weight) and c.weight > 0 else f"weight {c.weight}"


def invalid_text(c: Comparison) -> str | None:
    """Something else than text, or text that cannot be written as UTF-8 or holds NUL."""
    if c.problem is not None and c.problem.reason == "invalid_text":
        return c.problem.detail
    for text in _texts(c):
        if "\0" in text:
            return "NUL character"
        try:
            text.encode()
        except UnicodeEncodeError:
            return "unpaired surrogate"
    return None


def invalid_token_ids(c: Comparison) -> str | None:
    """Ids that the tokenizer does not have, or a sequence that does not end with the terminal token."""
    return c.problem.detail if c.problem is not None and c.problem.reason == "invalid_token_ids" else None


def malformed_dialogue(c: Comparison) -> str | None:
    """A dialogue is [system,] user, assistant, user, ... and ends with the assistant.

    Tool turns may stand between; after them the assistant may speak again. What declares the tools stands before all.
    """
    if c.problem is not None and c.problem.reason == "malformed_dialogue":
        return c.problem.detail
    return _malformed(c.first) or _malformed(c.second)


def context_mismatch(c: Comparison) -> str | None:
    """Both sides answer the same prompt: all turns but the last agree."""
    if c.first[:-1] == c.second[:-1]:
        return None
    if len(c.first) != len(c.second):
        return f"{len(c.first)} turns against {len(c.second)}"
    turn = next(k for k, (a, b) in enumerate(zip(c.first, c.second, strict=True)) if a != b)
    return f"turn {turn + 1} of {len(c.first)} differs"


def single_candidate(c: Comparison) -> str | None:
    """A ranking of fewer than two completions compares nothing."""
    return c.problem.detail if c.problem is not None and c.problem.reason == "single_candidate" else None


def invalid_rank(c: Comparison) -> str | None:
    """A completion of a ranking has no place in it."""
    return c.problem.detail if c.problem is not None and c.problem.reason == "invalid_rank" else None


def empty_prompt(c: Comparison) -> str | None:
    """A user turn of the prompt says nothing."""
    return "no text" if not all(said(m.content).strip() for m in c.first[:-1] if m.role == "user") else None


def empty_completion(c: Comparison) -> str | None:
    """A side says nothing."""
    sides = [name for name, side in (("first", c.first), ("second", c.second)) if not said(side[-1].content).strip()]
    return f"{' and '.join(sides)} side" if sides else None


def identical_candidates(c: Comparison) -> str | None:
    """The sides agree after Unicode and white-space folding: nothing could prefer one."""
    first, second = said(c.first[-1].content), said(c.second[-1].content)
    if first == second:
        return "same text"
    return "same text but for Unicode form and white space" if fold(first) == fold(second) else None


RULES: tuple[tuple[str, Rule], ...] = (
    ("tie_or_abstention", tie_or_abstention),
    ("unknown_label", unknown_label),
    ("invalid_weight", invalid_weight),
    ("invalid_text", invalid_text),
    ("single_candidate", single_candidate),
    ("invalid_rank", invalid_rank),
    ("invalid_token_ids", invalid_token_ids),
    ("context_mismatch", context_mismatch),
    ("malformed_dialogue", malformed_dialogue),
    ("empty_prompt", empty_prompt),
    ("empty_completion", empty_completion),
    ("identical_candidates", identical_candidates),
)
"""In the order in which they are asked: a comparison leaves with the first reason. `duplicate_pair` follows, because it
needs the comparisons before it; `over_length` follows rendering."""


def first_violation(c: Comparison, *, keep_ties: bool = False) -> tuple[str, str] | None:
    """Return the reason and detail of the first rule that the comparison breaks; a tie breaks none by being one."""
    for reason, rule in RULES:
        if keep_ties and c.label == "tie" and rule is tie_or_abstention:
            continue
        detail = rule(c)
        if detail is not None:
            return reason, detail
    return None


def _texts(c: Comparison) -> Iterator[str]:
    for message in (*c.first, *(m for m in c.second if m not in c.first)):
        yield from strings(message)


def _malformed(dialogue: Dialogue) -> str | None:
    roles = [m.role for m in dialogue]
    if roles[:1] == [TOOLS]:
        roles = roles[1:]
    if unknown := [role for role in roles if role not in ROLES]:
        return f"role {unknown[0]!r}"
    if roles[:1] == ["system"]:
        roles = roles[1:]
    if roles[-1:] != ["assistant"]:
        return "last turn is not the assistant's"
    if sum(role != "tool" for role in roles) < 2:
        return "no turn before the completion"
    before, answered = "assistant", False
    for role in roles:
        if role == "tool":
            answered = True
            continue
        # What a tool answered, the assistant goes on from.
        if role == "system" or (role == before and not (role == "assistant" and answered)):
            return "turns do not alternate between user and assistant"
        before, answered = role, False
    return None
