from __future__ import annotations

import re

import pytest
from edits import desk_edits, edits_of
from hypothesis import given
from hypothesis import strategies as st

from rmx.probes.markdown import mark, unmark

pieces = st.sampled_from(
    (
        *("word", "Two words.", "Is it?", "**bold**", "*it*", "_so_", "# Head", "- item", "* ", "1. one", "snake_case"),
        *("\n", "\n\n", " ", "---\n", "`a**b**`", "***", "```\n# code\n```", "x**2 + y**2", "2*3"),
    )
)
texts = st.one_of(st.text(), st.lists(pieces).map("".join), st.lists(pieces).map(" ".join))


def words(text: str) -> list[str]:
    """The oracle: what is left when every character that markdown may use is deleted."""
    return re.sub(r"[*_#+•-]", "", text).split()


@given(texts, st.text())
def test_marking_keeps_every_word_and_unmarking_gives_the_words_back(text: str, key: str) -> None:
    marked = mark(text, key)
    if marked is None:
        return
    assert marked == mark(text, key)
    assert words(marked) == words(text)
    assert marked.startswith(("## ", "**"))
    plain = unmark(marked)
    assert plain is not None
    assert plain.split() == text.split()
    assert mark(marked, key) is None


@given(texts)
def test_unmarking_keeps_every_word_and_leaves_nothing_to_unmark(text: str) -> None:
    plain = unmark(text)
    if plain is not None:
        assert words(plain) == words(text)
        assert len(plain) < len(text)
        assert unmark(plain) is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("# Paris\n\nIt is **the** capital of *France*.", "Paris\n\nIt is the capital of France."),
        ("- one\n* two\n  + three\n• four", "one\ntwo\nthree\nfour"),
        ("a\n\n---\n\nb", "a\n\n\nb"),
        ("***both*** and **a *nested* one**", "both and a nested one"),
        ("**Note:**see _below_", "Note:see below"),
        # Numbers of a list, code, products, powers and names stay.
        ("1. one\n2. two", None),
        ("2 * 3 * 4, x**2 + y**2, snake_case_name, __init__, *args", None),
        ("`**kwargs**` and\n```\n# comment\n- x\n```", None),
        ("#hashtag and -5", None),
        ("**", None),
    ],
)
def test_unmarking_by_example(text: str, plain: str | None) -> None:
    assert unmark(text) == plain


def test_marking_by_example() -> None:
    text = "Boil the water first. Dr. Li adds salt. Then wait.\n\nServe it hot."
    found = {mark(text, str(key)) for key in range(40)}
    assert found == {
        f"{lead}\n\n{g} Dr. Li adds salt.\n{g} Then wait.\n\n{g} Serve it hot."
        for lead in ("## Boil the water first.", "**Boil the water first.**")
        for g in "-*"
    }
    assert mark("Yes.", "k") in ("## Yes.", "**Yes.**")
    for taken in ("", " \n", "1. one", "- one", "a * b", "a_b", "see [1]", "#tag"):
        assert mark(taken, "k") is None


def test_the_prompt_stays_and_a_text_has_one_of_the_two_edits() -> None:
    assert set(edits_of("markdown", "Plain prose. More.")) == {"marked"}
    assert set(edits_of("markdown", "**Bold** prose.")) == {"plain"}


def test_the_gold_reward_of_a_world_stays() -> None:
    edits = list(desk_edits("markdown"))
    assert len(edits) == 800
    assert all(edit.gold_after == edit.gold for edit in edits)


@pytest.mark.real_data
def test_on_real_answers(hh_answers: list[str]) -> None:
    marked = 0
    for number, answer in enumerate(hh_answers):
        for variant, edited in edits_of("markdown", answer, str(number)).items():
            assert words(edited.completion) == words(answer)
            marked += variant == "marked"
    assert marked > 0.9 * len(hh_answers)
