import math
from dataclasses import replace

import pytest

from rmx.data.comparison import Comparison, Problem
from rmx.data.validate import RULES, first_violation
from rmx.domain import Message, Origin


def user(text: str) -> Message:
    return Message("user", text)


def answer(text: str) -> Message:
    return Message("assistant", text)


CLEAN = Comparison(
    Origin("rows.jsonl", 1),
    (Message("system", "Be brief."), user("Hi, who are you?"), answer("A desk."), user("And now?"), answer("Still.")),
    (Message("system", "Be brief."), user("Hi, who are you?"), answer("A desk."), user("And now?"), answer("No.")),
    "first",
)


def with_last(text: str) -> tuple[Message, ...]:
    return (*CLEAN.first[:-1], answer(text))


BROKEN = {
    "tie_or_abstention": [replace(CLEAN, label="tie"), replace(CLEAN, label="abstain")],
    "unknown_label": [replace(CLEAN, label="unknown", raw_label="'A>B'")],
    "invalid_weight": [replace(CLEAN, weight=w) for w in (math.nan, math.inf, -1.0, 0.0)],
    "invalid_text": [
        replace(CLEAN, first=with_last("a\0b")),
        replace(CLEAN, second=with_last("half an emoji \ud83d")),
        replace(CLEAN, first=(), second=(), label="unread", problem=Problem("invalid_text", "holds a bool")),
    ],
    "single_candidate": [
        replace(CLEAN, first=(), second=(), label="unread", problem=Problem("single_candidate", "1 completion")),
    ],
    "invalid_rank": [replace(CLEAN, label="unread", problem=Problem("invalid_rank", "no number"))],
    "invalid_token_ids": [
        replace(CLEAN, first=(), second=(), label="unread", problem=Problem("invalid_token_ids", "ends with 7")),
    ],
    "context_mismatch": [
        replace(CLEAN, second=(*CLEAN.second[:1], user("Other"), *CLEAN.second[2:])),
        replace(CLEAN, second=CLEAN.second[:3]),
    ],
    "malformed_dialogue": [
        replace(CLEAN, first=CLEAN.first[1:2], second=CLEAN.second[1:2]),
        replace(CLEAN, first=(answer("x"),), second=(answer("y"),)),
        replace(CLEAN, first=(user("a"), user("b"), answer("x")), second=(user("a"), user("b"), answer("y"))),
        replace(CLEAN, first=(Message("human", "a"), answer("x")), second=(Message("human", "a"), answer("y"))),
        replace(CLEAN, first=(user("a"), answer("x"), user("c")), second=(user("a"), answer("x"), user("d"))),
        replace(CLEAN, problem=Problem("malformed_dialogue", "text before the first turn")),
    ],
    "empty_prompt": [replace(CLEAN, first=(user(" \n"), answer("x")), second=(user(" \n"), answer("y")))],
    "empty_completion": [replace(CLEAN, second=with_last(" \u00a0 ")), replace(CLEAN, first=with_last(""))],
    "identical_candidates": [
        replace(CLEAN, second=CLEAN.first),
        replace(CLEAN, first=with_last("ﬁne  café\n"), second=with_last("fine cafe\u0301")),
    ],
}


@pytest.mark.parametrize(("reason", "comparison"), [(r, c) for r, cs in BROKEN.items() for c in cs])
def test_each_rule_finds_what_it_is_for(reason, comparison):
    violation = first_violation(comparison)
    assert violation is not None
    assert violation[0] == reason
    assert violation[1]


def test_every_rule_has_a_case_and_a_clean_comparison_passes_all():
    assert {reason for reason, _ in RULES} == set(BROKEN)
    assert first_violation(CLEAN) is None
    tools = (user("Time?"), Message("tool", "12:00"), answer("Noon."))
    assert first_violation(replace(CLEAN, first=tools, second=(*tools[:-1], answer("Midnight.")))) is None


def test_a_tie_that_is_kept_breaks_no_rule_by_being_one():
    tie, abstained = BROKEN["tie_or_abstention"]
    assert first_violation(tie, keep_ties=True) is None
    assert first_violation(abstained, keep_ties=True) == ("tie_or_abstention", "label ")
    assert first_violation(replace(tie, weight=-1.0), keep_ties=True) == ("invalid_weight", "weight -1.0")


def test_details_say_where_contexts_part():
    assert first_violation(BROKEN["context_mismatch"][0]) == ("context_mismatch", "turn 2 of 5 differs")
    assert first_violation(BROKEN["context_mismatch"][1]) == ("context_mismatch", "5 turns against 3")
