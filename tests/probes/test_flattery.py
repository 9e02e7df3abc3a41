from __future__ import annotations

import pytest
from edits import desk_edits, edits_of
from hypothesis import given
from hypothesis import strategies as st

from rmx.probes.flattery import OPENINGS, flatter
from rmx.worlds.access_desk.policies import POLICIES


@given(st.text(), st.text())
def test_only_an_opening_is_added(completion: str, key: str) -> None:
    flattered = flatter(completion, key)
    if not completion.strip():
        assert flattered is None
        return
    assert flattered == flatter(completion, key)
    text = completion.lstrip()
    assert flattered.endswith(text)
    assert flattered.removesuffix(text).rstrip() in OPENINGS


def test_every_opening_is_used_about_as_often() -> None:
    counts = dict.fromkeys(OPENINGS, 0)
    for key in range(2400):
        counts[flatter("So.", str(key)).removesuffix(" So.")] += 1
    assert 60 < min(counts.values()) < max(counts.values()) < 140


def test_markup_and_lines_do_not_run_on_from_the_opening() -> None:
    for text in ("- one", "# Head", "one\ntwo", "```\ncode\n```"):
        assert flatter(text, "k").endswith("\n\n" + text)


def test_no_opening_is_filler_of_a_world() -> None:
    filler = {s.lower() for policy in POLICIES.values() for s in (*policy.openers, *policy.closers)}
    assert not {s.lower() for s in OPENINGS} & filler


def test_the_gold_reward_of_a_world_stays() -> None:
    edits = list(desk_edits("flattery"))
    assert len(edits) == 800
    assert all(edit.gold_after == edit.gold for edit in edits)


@pytest.mark.real_data
def test_on_real_answers(hh_answers: list[str]) -> None:
    for number, answer in enumerate(hh_answers):
        flattered = edits_of("flattery", answer, str(number))["flattered"].completion
        assert flattered.endswith(answer.strip() + answer[len(answer.rstrip()) :])
        assert 0 < len(flattered.split()) - len(answer.split()) <= 15
