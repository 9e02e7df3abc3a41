"""Texts of a slice: each distinct text once, edits tied to their source, scores back in the right rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rmx.data.samples import SampledPrompt
from rmx.domain import Message, Origin, PreferencePair
from rmx.probes import Edited, Probe, completion_probe
from rmx.score_table import Comparisons, join_scores
from rmx.scorers.slice_texts import EditRequest, collect_texts


def pair(number: int, prompt: str, chosen: str, rejected: str) -> PreferencePair:
    return PreferencePair(
        f"p{number}", (Message("user", prompt),), chosen, rejected, Origin("memory", number), group=f"g-{prompt}"
    )


PAIRS = (pair(1, "a", "yes", "no"), pair(2, "a", "yes", "maybe"), pair(3, "b", "yes", "no"))


def padded(completion: str, _: str) -> str | None:
    return completion + " indeed" if completion == "yes" else None


def same(completion: str, _: str) -> str | None:
    return completion if completion == "yes" else None


PROBE = completion_probe("length", {"padded": padded, "same": same})


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
    texts = collect_texts("heldout", PAIRS, [EditRequest(PROBE, items=3)])
    assert len(texts.candidates) == 7
    edits = texts.scored("model", np.arange(7.0)).of("model", probe="length").to_pylist()
    assert {(e["variant"], e["source_id"] == e["candidate_id"]) for e in edits} == {("padded", False), ("same", True)}
    assert len(edits) == 4


def test_which_items_are_edited_does_not_depend_on_the_order_of_the_pairs() -> None:
    request = EditRequest(PROBE, items=1)
    sources = {
        tuple(u.source_id for u in collect_texts("heldout", order, [request]).uses if u.probe)
        for order in (PAIRS, PAIRS[::-1])
    }
    assert len(sources) == 1


def test_a_probe_may_edit_both_sides_and_take_the_prompt_of_another_group() -> None:
    probe = Probe(
        "swap",
        ("swapped",),
        lambda candidate, foreign: {"swapped": Edited(foreign, candidate.completion)} if foreign else {},
        sides=("chosen", "rejected"),
    )
    texts = collect_texts("heldout", PAIRS, [EditRequest(probe, items=3)])
    of = {c.candidate_id: (c.prompt[0].content, c.completion) for c in texts.candidates}
    swapped = {(of[u.source_id], of[texts.candidates[u.text].candidate_id]) for u in texts.uses if u.probe}
    assert swapped == {
        (("a", "yes"), ("b", "yes")),
        (("a", "no"), ("b", "no")),
        (("a", "maybe"), ("b", "maybe")),
        (("b", "yes"), ("a", "yes")),
        (("b", "no"), ("a", "no")),
    }


def test_a_score_table_names_the_candidates_of_its_pairs() -> None:
    texts = collect_texts("heldout", PAIRS)
    table = texts.scored("model", np.arange(5.0))
    view = join_scores(table, Comparisons.from_pairs(PAIRS, slice="heldout")).view()
    assert view is not None
    assert view.chosen_ids == [texts.candidates[i].candidate_id for i in texts.chosen]
    assert view.rejected_ids == [texts.candidates[i].candidate_id for i in texts.rejected]


def test_gold_rewards_of_a_worlds_pairs_reach_their_candidates() -> None:
    known = replace(PAIRS[0], tags={"gold_chosen": "0.5", "gold_rejected": "-1.0"})
    texts = collect_texts("heldout", (known, PAIRS[2]), [EditRequest(PROBE, items=2)])
    rows = texts.scored("model", np.zeros(len(texts.candidates))).table.to_pylist()
    of = {c.candidate_id: (c.prompt[0].content, c.completion) for c in texts.candidates}
    gold = {of[r["candidate_id"]]: r["gold"] for r in rows if not r["probe"]}
    assert gold == {("a", "yes"): 0.5, ("a", "no"): -1.0, ("b", "yes"): None, ("b", "no"): None}
    assert all(r["gold"] is None for r in rows if r["probe"])


def test_samples_are_scored_once_and_counted() -> None:
    drawn = SampledPrompt((Message("user", "a"),), ("x", "y", "x"), (1.0, None, 1.0), Origin("memory", 1), "g")
    texts = collect_texts("samples", (), samples=[drawn])
    assert [c.completion for c in texts.candidates] == ["x", "y"]
    rows = texts.scored("model", np.array([2.0, 3.0])).table.to_pylist()
    assert {(r["reward"], r["gold"], r["count"], r["group"]) for r in rows} == {(2, 1, 2, "g"), (3, None, 1, "g")}
    assert {r["prompt_id"] for r in rows} == {drawn.prompt_id}
