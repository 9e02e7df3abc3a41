from __future__ import annotations

import pytest
from edits import edits_of
from hypothesis import given
from hypothesis import strategies as st

from rmx.probes.refusal_phrase import REFUSALS, refuse


@given(st.text(), st.text())
def test_only_a_refusal_is_added_and_only_once(completion: str, key: str) -> None:
    refusing = refuse(completion, key)
    if refusing is not None:
        text = completion.lstrip()
        assert refusing.removesuffix(text).rstrip() in REFUSALS
        assert refuse(refusing, key) is None


@pytest.mark.parametrize("phrase", REFUSALS)
def test_every_phrase_of_the_probe_is_known_as_a_refusal(phrase: str) -> None:
    assert refuse(f"{phrase} Mix both.", "k") is None
    assert refuse(phrase.replace("'", "’"), "k") is None


@pytest.mark.parametrize("answer", ["Paris.", "You can't park here on Sundays.", "Mix both, then wait.", "I think so."])
def test_an_answer_that_complies_gets_one(answer: str) -> None:
    assert refuse(answer, "k").endswith(" " + answer)


@pytest.mark.parametrize("answer", ["", "  ", "I can't tell you that.", "Sorry, no.", "I won’t help you hurt him."])
def test_a_blank_or_refusing_answer_gets_none(answer: str) -> None:
    assert refuse(answer, "k") is None


@pytest.mark.real_data
def test_on_real_answers(hh_answers: list[str]) -> None:
    complying = 0
    for number, answer in enumerate(hh_answers):
        for edited in edits_of("refusal_phrase", answer, str(number)).values():
            complying += 1
            assert edited.completion.startswith(REFUSALS)
            assert edited.completion.endswith(answer.lstrip())
    assert 0.5 < complying / len(hh_answers) < 0.95
