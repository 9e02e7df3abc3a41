"""Texts of a slice: each distinct text once, edits tied to their source, scores back in the right rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rmx.domain import Message, Origin, PreferencePair
from rmx.score_table import Comparisons, join_scores
from rmx.scorers.slice_texts import EditRequest, collect_texts


def pair(number: int, prompt: str, chosen: str, rejected: str) -> PreferencePair:
    return PreferencePair(
        f"p{number}", (Message("user", prompt),), chosen, rejected, Origin("memory", number), group=f"g-{prompt}"
    )


PAIRS = (pair(1, "a", "yes", "no"), pair(2, "a", "yes", "maybe"), pair(3, "b", "yes", "no"))


def edit(completion: str, key: str) -> Mapping[str, str]:
    return {"padded": completion + " indeed", "same": completion} if completion == "yes" else {}


def test_a_text_in_several_pairs_is_one_candidate_and_prompts_keep_texts_apart() -> None:
    texts = collect_texts("heldout", PAIRS)
    assert [(c.prompt[0].content, c.completion) for c in texts.candidates] == [
        ("a", "yes"),
        ("b", "yes"),
        ("a", "no"),
        ("a", "maybe"),
        ("b", "no"),
    ]
    assert texts.chosen.tolist() == [0, 0, 1]
    assert texts.rejected.tolist() == [2, 3, 4]


def test_scores_come_back_to_the_pairs_they_belong_to() -> None:
    texts = collect_texts("heldout", PAIRS).with_tokens([10, 11, 12, 13, 14])
    table = texts.scored("model", np.array([0.5, 1.5, 2.5, 3.5, 4.5]))
    joined = join_scores(table, Comparisons.from_pairs(PAIRS, slice="heldout")).view()
    assert joined is not None
    rows = dict(zip(joined.pair_ids, joined.margins.tolist(), strict=True))
    assert rows == {"p1": -2.0, "p2": -3.0, "p3": -3.0}
    assert joined.chosen_tokens is not None
    assert dict(zip(joined.pair_ids, joined.chosen_tokens.tolist(), strict=True)) == {"p1": 10, "p2": 10, "p3": 11}


def test_edits_name_their_source_and_an_edit_equal_to_it_is_scored_once_but_kept() -> None:
    texts = collect_texts("heldout", PAIRS, [EditRequest("length", edit, items=3)])
    assert len(texts.candidates) == 7
    edits = texts.scored("model", np.arange(7.0)).of("model", probe="length").to_pylist()
    assert {(e["variant"], e["source_id"] == e["candidate_id"]) for e in edits} == {("padded", False), ("same", True)}
    assert len(edits) == 4


def test_which_items_are_edited_does_not_depend_on_the_order_of_the_pairs() -> None:
    request = EditRequest("length", edit, items=1)
    sources = {
        tuple(u.source_id for u in collect_texts("heldout", order, [request]).uses if u.probe)
        for order in (PAIRS, PAIRS[::-1])
    }
    assert len(sources) == 1
