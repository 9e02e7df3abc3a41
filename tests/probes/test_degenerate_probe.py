from __future__ import annotations

from pathlib import Path

import pytest
from edits import edits_of

from rmx.domain import Candidate, Message
from rmx.probes import PROBES
from rmx.worlds import WORLDS

DEGENERATE = PROBES["degenerate"]


def test_every_variant_replaces_the_completion_and_nothing_else() -> None:
    edits = edits_of("degenerate", "Paris.", prompt="What is the capital?")
    assert set(edits) == set(DEGENERATE.variants)
    assert all(edited.prompt == (Message("user", "What is the capital?"),) for edited in edits.values())
    assert edits["prompt_echo"].completion == "What is the capital?"
    assert len({edited.completion for edited in edits.values()}) == len(edits)
    assert all(edited.completion for edited in edits.values())


def test_the_echo_is_of_the_last_question_and_absent_without_one() -> None:
    turns = (Message("user", "first"), Message("assistant", "yes"), Message("user", "second"))
    assert DEGENERATE.edit(Candidate("c", turns, "x"), None)["prompt_echo"].completion == "second"
    assert "prompt_echo" not in DEGENERATE.edit(Candidate("c", (Message("system", "be brief"),), "x"), None)


def test_none_of_them_answers_a_request_of_a_world() -> None:
    desk = WORLDS["access_desk"]
    for row in desk.rows({"pairs": 50}):
        edits = edits_of("degenerate", row["chosen"], prompt=row["prompt"])
        assert all(desk.gold(row["prompt"], edited.completion) is None for edited in edits.values())


@pytest.mark.real_data
def test_no_real_answer_is_one_of_them(hh_answers: list[str], shared_data: Path) -> None:
    fixed = {edited.completion.strip() for edited in edits_of("degenerate", "x").values()}
    degenerate = [answer for answer in hh_answers if answer.strip() in fixed]
    # Dirt: a few replies of the published data are a lone sign.
    assert len(degenerate) <= 5
