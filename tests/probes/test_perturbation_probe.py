"""Perturbations keep what they should: words, letters, NFKC form, the rest of the text; and code and links whole."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from edits import desk_edits, edits_of
from hypothesis import given
from hypothesis import strategies as st

from rmx.data.text import fold
from rmx.domain import Candidate, Message
from rmx.probes import PROBES
from rmx.probes.answer_format import change_format
from rmx.probes.lookalikes import swap_lookalikes
from rmx.probes.perturbation import CONTEXTS
from rmx.probes.typos import add_typos

STRAIGHT = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})
OF_COMPLETION = ("typos", "lower_case", "spacing", "unicode", "appended", "answer_format")

pieces = st.sampled_from(
    (
        *(
            "because",
            " ",
            "  ",
            "\n",
            "Straight",
            '"quoted"',
            "it's",
            "…",
            "...",
            "“so”",
            "café",
            "`code()`",
            "- item\n",
        ),
        *("1. one\n", "https://x.org/A_b", "```\nX = 1\n```\n", "\\boxed{4}", "\n# Answer\n\n5", "Î", "ﬁne"),
    )
)
texts = st.one_of(st.text(), st.lists(pieces).map("".join), st.lists(pieces).map(" ".join))


def invariant(variant: str, text: str, edited: str) -> bool:
    """Whether an edit kept what it must keep, by means that share nothing with how it is made."""
    if variant == "typos":
        before, after = (re.split(r"(\W+)", t) for t in (text, edited))
        return all(
            a == b or (sorted(a) == sorted(b) and (a[0], a[-1]) == (b[0], b[-1]))
            for a, b in zip(before, after, strict=True)
        )
    if variant == "lower_case":
        return edited.casefold() == text.casefold()
    if variant == "spacing":
        return edited.split() == text.split()
    if variant == "unicode":
        return fold(edited.translate(STRAIGHT)) == fold(text.translate(STRAIGHT))
    if variant == "appended":
        return edited.startswith(text.rstrip()) and not re.search(r"\w", edited[len(text.rstrip()) :])
    kept = Counter(re.findall(r"[^\W\d_]+", re.sub(r"\\boxed|Answer", "", text)))
    return kept <= Counter(re.findall(r"[^\W\d_]+", edited))


@given(texts, st.text())
def test_each_variant_keeps_what_it_must(text: str, key: str) -> None:
    edits = edits_of("perturbation", text, key)
    assert edits_of("perturbation", text, key) == edits
    assert tuple(edits) == PROBES["perturbation"].variants
    for variant in OF_COMPLETION:
        assert edits[variant].prompt == (Message("user", "a question"),)
        assert invariant(variant, text, edits[variant].completion), variant


@given(texts)
def test_the_context_stands_before_the_last_question_the_same_for_both_completions(prompt: str) -> None:
    turns = (Message("user", "first"), Message("assistant", "yes"), Message("user", prompt))
    edit = PROBES["perturbation"].edit
    one, other = (edit(Candidate(key, turns, key), None)["context"] for key in ("chosen", "rejected"))
    assert one.prompt == other.prompt
    assert (one.completion, other.completion) == ("chosen", "rejected")
    assert one.prompt[:2] == turns[:2]
    assert one.prompt[2].content.removesuffix(prompt).strip() in CONTEXTS


@pytest.mark.parametrize("variant", ["typos", "lower_case", "spacing", "unicode"])
def test_code_and_links_stay(variant: str) -> None:
    whole = ["`Remember  this\\x`", "https://Example.org/Because'it", "```\nSecond  Function('x')...\n```"]
    text = f"Because of {whole[0]} and {whole[1]} whatever\n{whole[2]}\nperhaps it's so... Certainly"
    for key in range(30):
        edited = edits_of("perturbation", text, str(key))[variant].completion
        assert edited != text
        assert all(part in edited for part in whole)


def test_typos_are_few_but_never_none() -> None:
    text = " ".join(["something", "wonderful", "happened", "the", "other", "day"] * 20)
    changed = [
        sum(a != b for a, b in zip(text.split(), add_typos(text, str(key)).split(), strict=True)) for key in range(100)
    ]
    assert 1 <= min(changed) < max(changed) < 30
    assert 6 < sum(changed) / 100 < 12
    assert add_typos("It happened.", "k") != "It happened."
    for kept in ("Be it so.", "IMPORTANT NASA", "someone@example.org", "snake_case_name", "united singing"):
        assert add_typos(kept, "k") == kept


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (r"So $x = \boxed{\frac{1}{2}}$.", "So $x = \\frac{1}{2}$.\n\n# Answer\n\n\\frac{1}{2}"),
        ("So it is 5.\n\n# Answer\n\n5", "So it is 5.\n\n\\boxed{5}"),
        ("- a\n  - b\n* c", "* a\n  * b\n- c"),
        ("1. a\n2) b", "1) a\n2. b"),
        ("```\n- a\n```", "```\n- a\n```"),
        (r"Not closed \boxed{4", r"Not closed \boxed{4"),
        ("Plain - prose, 1. of its kind", "Plain - prose, 1. of its kind"),
    ],
)
def test_formats_by_example(text: str, changed: str) -> None:
    assert change_format(text) == changed


def test_lookalikes_by_example() -> None:
    assert swap_lookalikes('"Yes," he said ("no")...', "k").replace("\u00a0", " ") == "“Yes,” he said (“no”)…"
    assert swap_lookalikes("“It’s so…”", "k").replace("\u00a0", " ") == '"It\'s so..."'
    assert swap_lookalikes("é", "k") == "e\u0301"
    assert "\u00a0" in swap_lookalikes("two words", "k")


def test_the_gold_reward_of_a_world_stays_where_it_can_be_read() -> None:
    read, made = Counter(), Counter()
    for edit in desk_edits("perturbation"):
        made[edit.variant] += 1
        if edit.gold_after is not None:
            read[edit.variant] += 1
            assert edit.gold_after == edit.gold
    # The world reads exact wordings; what leaves the claim's own words alone is always read.
    assert all(read[v] == made[v] == 800 for v in ("appended", "context", "answer_format"))
    assert all(read[v] > 30 for v in ("spacing", "unicode", "typos"))


@pytest.mark.real_data
def test_on_real_answers(hh_answers: list[str]) -> None:
    changed = Counter()
    for number, answer in enumerate(hh_answers):
        for variant, edited in edits_of("perturbation", answer, str(number)).items():
            if variant != "context":
                changed[variant] += edited.completion != answer
                assert invariant(variant, answer, edited.completion), (variant, answer)
    shares = {variant: changed[variant] / len(hh_answers) for variant in OF_COMPLETION}
    assert all(shares[v] > 0.85 for v in ("typos", "lower_case", "spacing", "unicode", "appended")), shares


@pytest.mark.real_data
def test_no_typo_is_a_common_word(hh_answers: list[str]) -> None:
    common = {w for w, n in Counter(re.findall(r"[a-z]+", " ".join(hh_answers))).items() if n >= 10}
    for number, answer in enumerate(hh_answers):
        edited = add_typos(answer, str(number))
        before, after = (re.findall(r"\w+", text) for text in (answer, edited))
        wrong = {b for a, b in zip(before, after, strict=True) if a != b}
        assert not wrong & common
