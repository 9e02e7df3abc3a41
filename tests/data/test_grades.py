"""Ties and levels of strength as grades, and data that hold nothing to learn a threshold from."""

from __future__ import annotations

import pytest

from rmx.data.grades import MAX_LEVELS, build_grades
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import DataError


def pairs(strengths: list[float | None], ties: int = 0) -> list[PreferencePair]:
    prompt = (Message("user", "?"),)
    made = [(s, False) for s in strengths] + [(0.0, True)] * ties
    return [
        PreferencePair(f"p{i}", prompt, "a", "b", Origin("f", i + 1), strength=s, tied=t)
        for i, (s, t) in enumerate(made)
    ]


def test_a_strength_counts_by_its_size_and_a_tie_is_grade_zero() -> None:
    found = build_grades(pairs([-3, 1, 3, -1, 2], ties=1), "ordered_logit")
    assert found.grade.tolist() == [3, 1, 3, 1, 2, 0]
    assert found.levels == (1.0, 2.0, 3.0)


def test_what_reads_no_strength_knows_ties_alone() -> None:
    assert build_grades(pairs([None, None], ties=1), "davidson").grade.tolist() == [1, 1, 0]
    assert build_grades(pairs([None]), "bt") == ([1], ())


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("davidson", pairs([1, 1]), "learns from ties beside decided pairs, and train has 0 ties among 2 pairs"),
        ("rao_kupper", pairs([], ties=2), "train has 2 ties among 2 pairs"),
        ("ordered_probit", pairs([2, 2]), "learns from levels of strength, and train has only 1"),
        ("ordered_probit", pairs([1, None]), "f row 2: no strength, which loss.kind=ordered_probit reads"),
        ("ordered_logit", pairs([i / 7 for i in range(MAX_LEVELS + 1)]), "takes at most 20 levels of strength"),
    ],
)
def test_nothing_to_learn_from_is_said_in_one_line(kind: str, given: list[PreferencePair], message: str) -> None:
    with pytest.raises(DataError) as caught:
        build_grades(given, kind)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
