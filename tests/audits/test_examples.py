"""The cases that show what an audit found: the worst first, by hand."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pair_edits import with_edits
from samples import samples
from slices import edited, scores

from rmx.audits import Audit, Evidence, Example, find_examples, run_audits
from rmx.audits.best_of_n import BestOfN
from rmx.audits.degenerate import Degenerate
from rmx.audits.examples import wrong_pairs
from rmx.audits.flattery_effect import FlatteryEffect
from rmx.audits.length_effect import LengthEffect
from rmx.audits.perturbation import Perturbation
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable


def found(audit: Audit, evidence: Evidence) -> list[Example]:
    results = run_audits([audit], evidence)
    assert all(r.estimate is not None for r in results), results
    return [e for e in find_examples([audit], evidence, results, scorer="model") if e.audit == audit.name]


def test_wrong_pairs_are_those_with_the_lowest_margins_and_nan_is_none_of_them() -> None:
    table = scores(
        [0.5, -2.0, np.nan, -0.1, 0.0, -np.inf],
        rejected=[0, 1, 0, 0, 0, 0],
        tags=['{"topic": "badge"}'] * 6,
        chosen_tokens=[7] * 6,
        rejected_tokens=[9] * 6,
        chosen_id=[f"c{i}" for i in range(6)],
    )
    view = table.view()
    assert view is not None
    examples = wrong_pairs(view, 10)
    assert [(e.name, e.size) for e in examples] == [("p000005", -np.inf), ("p000001", -2.0), ("p000003", -0.1)]
    chosen, rejected = examples[1].sides
    assert (chosen.role, chosen.candidate_id, chosen.reward, chosen.tokens) == ("chosen", "c1", -1.0, 7)
    assert (rejected.role, rejected.candidate_id, rejected.reward, rejected.tokens) == ("rejected", None, 1.0, 9)
    assert examples[1].tags == {"topic": "badge"}
    assert [e.name for e in wrong_pairs(view, 2)] == ["p000005", "p000001"]


def test_a_pairwise_judge_has_wrong_pairs_without_rewards() -> None:
    view = scores([-1.0, 1.0]).margins_only().view()
    assert view is not None
    (example,) = wrong_pairs(view, 10)
    assert [side.reward for side in example.sides] == [None, None]


def test_an_edit_effect_shows_the_edits_that_went_the_way_of_the_mean_one_of_each_text() -> None:
    margins = [2.0, -2.0, 2.0, -2.0]  # a standard deviation of 2
    originals = [1.0, 1.0, 1.0, 1.0]
    edits = {"padded": [2.0, 4.0, 1.0, 0.0], "compressed": [-1.0, None, 1.0, None]}
    evidence = Evidence(
        scores={"heldout": scores(margins)}, candidates={"heldout": edited(originals, edits, probe="length")}
    )
    examples = found(LengthEffect(), evidence)
    # Longer is worth +1.5 of the second, and of the first +1 by taking away, more than +.5 by adding; 0 and less is no
    # case of an effect that is above zero on average.
    assert [(e.name, e.size) for e in examples] == [("padded", 1.5), ("compressed", 1.0)]
    original, changed = examples[1].sides
    assert (original.role, original.candidate_id, original.reward) == ("original", "c000000", 1.0)
    assert (changed.role, changed.candidate_id, changed.reward) == ("edited", "c000000-compressed", -1.0)


def test_where_the_mean_is_negative_the_losses_are_shown() -> None:
    edits = {"flattered": [0.0, 0.5, 3.0, 0.8]}
    evidence = Evidence(
        scores={"heldout": scores([1.0, -1.0, 1.0, -1.0])},
        candidates={"heldout": edited([1.0, 2.0, 1.0, 3.0], edits, probe="flattery")},
    )
    assert [e.size for e in found(FlatteryEffect(), evidence)] == pytest.approx([-2.2, -1.5, -1.0])


def test_a_perturbation_shows_the_pairs_whose_margin_fell_most_and_the_side_that_moved_more() -> None:
    before = [[3.0, 1.0], [2.0, 1.0], [1.0, 2.0], [4.0, 0.0]]
    after = {
        "typos": [[0.0, 1.0], [2.0, 1.0], [1.0, 2.5], [4.5, 0.0]],
        "case": [[3.0, 1.5], [1.9, 3.0], [1.0, 2.0], [4.0, 0.0]],
    }
    table, candidates = with_edits(before, after, probe="perturbation")
    evidence = Evidence(scores={"heldout": table}, candidates=candidates)
    spread = np.std([2.0, 1.0, -1.0, 4.0])
    examples = found(Perturbation(draws=20), evidence)
    assert [(e.name, e.tags["pair"]) for e in examples] == [
        ("typos", "p000000"),
        ("case", "p000001"),
        ("typos", "p000002"),
    ]
    assert [e.size for e in examples] == pytest.approx(np.array([-3.0, -2.1, -0.5]) / spread)
    assert [e.tags["order"] for e in examples] == [
        "right before, wrong after",
        "right before, wrong after",
        "wrong before, wrong after",
    ]
    original, changed = examples[1].sides
    assert (original.role, original.candidate_id, original.reward) == ("rejected, original", "r000001", 1.0)
    assert (changed.role, changed.candidate_id, changed.reward) == ("rejected, edited", "r000001-case", 3.0)


def test_degenerate_completions_stand_beside_the_worst_real_answer() -> None:
    rows: list[dict[str, Any]] = []
    for i, (chosen, rejected, colon, echo) in enumerate([(2.0, 1.0, 0.0, 3.0), (2.0, -1.0, -0.5, -3.0)]):
        common = {"slice": "heldout", "group": f"g{i}", "scorer": "model", "prompt_id": f"x{i}", "tokens": 3}
        rows += [
            common | {"candidate_id": f"c{i}", "reward": chosen},
            common | {"candidate_id": f"r{i}", "reward": rejected},
        ]
        for variant, reward in {"colon": colon, "echo": echo}.items():
            edit = {"candidate_id": f"{variant}{i}", "probe": "degenerate", "variant": variant, "source_id": f"c{i}"}
            rows.append(common | edit | {"reward": reward})
    candidates = {"heldout": CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))}
    evidence = Evidence(scores={"heldout": scores([1.0, 3.0], rejected=[1.0, -1.0])}, candidates=candidates)
    examples = found(Degenerate(), evidence)
    assert [(e.name, e.size) for e in examples] == [("echo", 2.0), ("colon", 0.5)]
    assert [[s.candidate_id for s in e.sides] for e in examples] == [["r0", "echo0"], ["r1", "colon1"]]


def test_best_of_n_shows_what_its_favourites_cost_in_gold() -> None:
    gold = [[0.0, 1.0, 2.0, 0.5], [1.0, 1.0, 1.0, 1.0], [4.0, 0.0, 1.0, None], [0.0, 0.0, 3.0, 0.0]]
    rewards = [[1.0, 9.0, 0.0, 2.0], [1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, 9.0], [0.0, 1.0, 2.0, 1.0]]
    evidence = Evidence(candidates={"samples": samples(rewards, gold)})
    examples = BestOfN().examples(evidence, slice="samples", scorer="model", most=3)
    sd = np.std([g for row in gold for g in row if g is not None])
    assert [e.size for e in examples] == pytest.approx([-3.0 / sd, -1.0 / sd])
    best, favourite = examples[0].sides
    assert (best.role, best.candidate_id, best.reward) == ("best by gold, 4.00", "c00002-00000", 0.0)
    assert (favourite.candidate_id, favourite.reward) == ("c00002-00002", 2.0), "an answer that nobody rated is none"


def test_an_audit_without_a_number_has_no_examples_and_one_that_crashes_costs_none(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = Evidence(scores={"heldout": scores([1.0, -1.0])})
    audit = LengthEffect()
    results = run_audits([audit], evidence)
    assert [e.audit for e in find_examples([audit], evidence, results, scorer="model")] == ["accuracy"]

    def crash(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("no")

    full = Evidence(scores=evidence.scores, candidates={"heldout": edited([1.0, 1.0], {"padded": [2.0, 3.0]})})
    monkeypatch.setattr(LengthEffect, "examples", crash)
    with caplog.at_level(logging.WARNING):
        examples = find_examples([audit], full, run_audits([audit], full), scorer="model")
    assert [e.audit for e in examples] == ["accuracy"]
    assert "audit length_effect on heldout: no examples (ZeroDivisionError: no)" in caplog.text


def test_examples_are_those_of_one_scorer() -> None:
    table = scores([-1.0, 1.0]).merge(scores([1.0, -3.0], scorer="longer"))
    evidence = Evidence(scores={"heldout": table})
    assert [e.name for e in find_examples([], evidence, [], scorer="longer")] == ["p000001"]
    assert find_examples([], evidence, [], scorer="nobody") == []
