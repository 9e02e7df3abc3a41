"""The same completions to a prompt that they do not answer."""

from __future__ import annotations

from rmx.domain import Candidate, Message
from rmx.probes.probe import Edited, Probe, Prompt

__all__ = ["PROMPT_SWAP"]


def _swap(candidate: Candidate, foreign: Prompt | None) -> dict[str, Edited]:
    edits = {"removed": Edited((Message("user", ""),), candidate.completion)}
    if foreign is not None:
        edits["swapped"] = Edited(foreign, candidate.completion)
    return edits


PROMPT_SWAP = Probe("prompt_swap", ("swapped", "removed"), _swap, sides=("chosen", "rejected"))
"""Both completions of a pair after a prompt of another group, or after an empty turn in place of the whole prompt."""
