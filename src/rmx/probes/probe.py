"""What a probe is: named edits of a prompt and its completion that an audit asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rmx.data.turns import packed, said
from rmx.domain import Candidate, Message

__all__ = ["Edited", "Probe", "Prompt", "Side", "completion_probe", "prompt_probe"]

Prompt = tuple[Message, ...]
Side = Literal["chosen", "rejected"]


class Edited(NamedTuple):
    """An edited text."""

    prompt: Prompt
    completion: str


@dataclass(frozen=True)
class Probe:
    """Edits of a text, pure text to text."""

    name: str
    variants: tuple[str, ...]
    edit: Callable[[Candidate, Prompt | None], Mapping[str, Edited]]
    """(candidate, foreign prompt) -> {variant: edited text}; a variant that cannot be made of this text is absent.

    The candidate's id chooses among equivalent edits: equal arguments give equal edits. The foreign prompt belongs to
    another group and is about as long; None where there is no other group.
    """
    sides: tuple[Side, ...] = ("chosen",)
    """Which completions of a pair are edited."""


def completion_probe(
    name: str, edits: Mapping[str, Callable[[str, str], str | None]], *, sides: tuple[Side, ...] = ("chosen",)
) -> Probe:
    """Return a probe that edits completions.

    Args:
        name: Its name.
        edits: Variant: (completion, key) -> edited completion, None where this one cannot be edited.
        sides: Which completions of a pair are edited.
    """

    def edit(candidate: Candidate, _: Prompt | None) -> dict[str, Edited]:
        completion = said(candidate.completion)
        if packed(completion):  # a call of a tool is no prose: an edit would break it, not vary it
            return {}
        texts = {variant: change(completion, candidate.candidate_id) for variant, change in edits.items()}
        return {variant: Edited(candidate.prompt, text) for variant, text in texts.items() if text is not None}

    return Probe(name, tuple(edits), edit, sides)


def prompt_probe(
    name: str,
    edits: Mapping[str, Callable[[str, str], str | None]],
    *,
    sides: tuple[Side, ...] = ("chosen", "rejected"),
) -> Probe:
    """Return a probe that edits the last user turn of prompts; both completions of a pair meet the same edited prompt.

    Args:
        name: Its name.
        edits: Variant: (text of the turn, key) -> edited text, None where this one cannot be edited. The key is the
            turn's own text, the same for every completion.
        sides: Which completions of a pair are scored with it.
    """

    def edit(candidate: Candidate, _: Prompt | None) -> dict[str, Edited]:
        prompt = candidate.prompt
        turn = next((i for i in range(len(prompt) - 1, -1, -1) if prompt[i].role == "user"), None)
        if turn is None or packed(prompt[turn].content):  # given as token ids, of which the template is a part
            return {}
        text = prompt[turn].content
        found = {variant: change(text, text) for variant, change in edits.items()}
        return {
            variant: Edited((*prompt[:turn], Message("user", changed), *prompt[turn + 1 :]), candidate.completion)
            for variant, changed in found.items()
            if changed is not None
        }

    return Probe(name, tuple(edits), edit, sides)
