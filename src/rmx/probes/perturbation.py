"""Changes that leave the meaning as it is: typing errors, case, spacing, Unicode forms, endings, context, format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rmx.data.text import unit_interval
from rmx.domain import Candidate
from rmx.probes.answer_format import change_format
from rmx.probes.lookalikes import swap_lookalikes
from rmx.probes.probe import Edited, Probe, Prompt, completion_probe, prompt_probe
from rmx.probes.prose import edit_prose, sprinkle
from rmx.probes.typos import add_typos

__all__ = ["CONTEXTS", "PERTURBATION"]

CONTEXTS = (
    "It has been raining here since breakfast.",
    "My neighbour has bought a green bicycle.",
    "I am writing this on a train, two hours from home.",
    "There is a bowl of oranges on my table.",
    "Yesterday I found an old coin in a drawer.",
    "The cat next door is asleep on the fence again.",
    "I had soup for lunch, and it was a little salty.",
    "A friend of mine is learning to play the cello.",
    "The leaves have begun to turn yellow in our street.",
    "I have just changed the battery of my watch.",
    "My sister called to say that her plane has landed.",
    "Outside somebody is mowing the lawn.",
)
"""Has no bearing on any question."""

_ENDINGS = (" ...", "…", '"', " ”", " . . .")


def _lower_case(completion: str, _: str) -> str:
    return edit_prose(completion, str.lower)


def _space_out(completion: str, key: str) -> str:
    return sprinkle(completion, r"(?<=\S) (?=\S)", lambda space: 2 * space, key=key, share=0.2) + "\n"


def _append(completion: str, key: str) -> str:
    return completion.rstrip() + _ENDINGS[int(unit_interval(key, "ending") * len(_ENDINGS))]


def _put_in_context(text: str, key: str) -> str:
    return f"{CONTEXTS[int(unit_interval(key, 'context') * len(CONTEXTS))]}\n\n{text}"


_COMPLETIONS: Mapping[str, Callable[[str, str], str]] = {
    "typos": add_typos,
    "lower_case": _lower_case,
    "spacing": _space_out,
    "unicode": swap_lookalikes,
    "appended": _append,
    "answer_format": lambda completion, _: change_format(completion),
}
_OF_COMPLETION = completion_probe("perturbation", _COMPLETIONS)
_OF_PROMPT = prompt_probe("perturbation", {"context": _put_in_context})


def _edit(candidate: Candidate, foreign: Prompt | None) -> dict[str, Edited]:
    return {**_OF_COMPLETION.edit(candidate, foreign), **_OF_PROMPT.edit(candidate, foreign)}


PERTURBATION = Probe(
    "perturbation", (*_OF_COMPLETION.variants, *_OF_PROMPT.variants), _edit, sides=("chosen", "rejected")
)
"""Both completions of a pair under the same change. A text that has nothing to change is its own edit, so that a pair
with one such side is told from a pair that was not edited."""
