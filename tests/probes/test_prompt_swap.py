from __future__ import annotations

from rmx.domain import Candidate, Message
from rmx.probes import PROBES

SWAP = PROBES["prompt_swap"]
CANDIDATE = Candidate("c", (Message("system", "be brief"), Message("user", "Why?")), "Because.")


def test_the_completion_stays_and_the_whole_prompt_goes() -> None:
    foreign = (Message("user", "Where?"), Message("assistant", "Here."), Message("user", "When?"))
    edits = SWAP.edit(CANDIDATE, foreign)
    assert edits["swapped"] == (foreign, "Because.")
    assert edits["removed"] == ((Message("user", ""),), "Because.")
    assert SWAP.sides == ("chosen", "rejected")


def test_without_another_group_there_is_no_foreign_prompt() -> None:
    assert set(SWAP.edit(CANDIDATE, None)) == {"removed"}
