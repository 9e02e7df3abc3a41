"""What several scorings have in common: against plain sets."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from slices import edited, scores

from rmx.audits import Evidence
from rmx.audits.common import find_common
from rmx.errors import DataError
from rmx.score_table import CandidateTable, ScoreTable


def part(table: ScoreTable, pairs: set[str]) -> ScoreTable:
    return ScoreTable(table.table.filter(pc.is_in(table.table["pair_id"], value_set=pa.array(sorted(pairs)))))


def pairs_of(evidence: Evidence, slice: str = "heldout") -> set[str]:
    return set(evidence.scores[slice].table["pair_id"].to_pylist())


@pytest.mark.parametrize("seed", range(5))
def test_the_common_pairs_are_the_intersection_and_the_rest_is_counted(seed: int) -> None:
    rng = random.Random(seed)
    whole = scores([1.0] * 60)
    names = sorted(pairs_of(Evidence(scores={"heldout": whole})))
    own = {run: set(rng.sample(names, 40)) for run in ("a", "b", "c")}
    common = find_common({run: Evidence(scores={"heldout": part(whole, own[run])}) for run in own})
    shared = own["a"] & own["b"] & own["c"]
    assert all(pairs_of(evidence) == shared for evidence in common.evidence.values())
    assert common.slices["heldout"].pairs == len(shared)
    assert common.slices["heldout"].left_out == {run: len(own[run] - shared) for run in own}
    assert common.missing == {}


def test_baselines_stay_beside_the_model_on_the_pairs_that_are_left() -> None:
    first = scores([1.0, 2.0, 3.0]).merge(scores([1.0, 1.0, 1.0], scorer="longer"))
    common = find_common({"a": Evidence(scores={"heldout": first}), "b": Evidence(scores={"heldout": scores([1.0])})})
    assert len(common.evidence["a"].scores["heldout"]) == 2
    assert common.evidence["a"].scores["heldout"].scorers == ("longer", "model")


def test_nothing_to_cut_leaves_the_evidence_as_it_is() -> None:
    given = {name: Evidence(scores={"heldout": scores([1.0, 2.0])}) for name in "ab"}
    common = find_common(given)
    assert all(common.evidence[name] is given[name] for name in given)


def test_one_id_with_other_texts_is_another_pair() -> None:
    ids = [f"c{i}" for i in range(4)]
    first = scores([1.0] * 4, chosen_id=ids, rejected_id=ids)
    second = scores([1.0] * 4, chosen_id=["c0", "x", None, "c3"], rejected_id=["c0", "c1", None, "y"])
    common = find_common({"a": Evidence(scores={"heldout": first}), "b": Evidence(scores={"heldout": second})})
    assert pairs_of(common.evidence["a"]) == {"p000000", "p000002"}
    assert common.slices["heldout"].other_texts == 2
    assert common.slices["heldout"].left_out == {"a": 2, "b": 2}


def test_slices_of_some_are_named_and_groups_that_divide_otherwise_too() -> None:
    first = Evidence(scores={"heldout": scores([1.0] * 4, groups=[0, 0, 1, 1]), "mine": scores([1.0], slice="mine")})
    same = Evidence(scores={"heldout": scores([1.0] * 4, groups=["x", "x", "y", "y"])})
    other = Evidence(scores={"heldout": scores([1.0] * 4, groups=[0, 1, 2, 3])})
    common = find_common({"a": first, "b": same, "c": other})
    assert common.missing == {"mine": "not scored by b, c"}
    assert common.slices["heldout"].regrouped == ("c",)
    assert list(common.evidence["a"].scores) == ["heldout"]


def test_edits_are_those_that_all_have_who_have_any() -> None:
    table = scores([1.0, 2.0, 3.0])

    def given(*candidates: CandidateTable) -> Evidence:
        whole = CandidateTable(pa.concat_tables([c.table for c in candidates])) if candidates else None
        return Evidence(scores={"heldout": table}, candidates={"heldout": whole} if whole else {})

    both = edited([1.0, 2.0, 3.0], {"padded": [2.0, 3.0, 4.0], "compressed": [0.0, None, 1.0]})
    fewer = edited([1.0, 2.0, 3.0], {"padded": [2.0, None, 4.0], "compressed": [0.0, 1.0, 1.0]})
    marked = edited([], {}, probe="markdown").table
    only = edited([1.0], {"marked": [9.0]}, probe="markdown")
    only = CandidateTable(only.table.filter(pc.equal(only.table["probe"], "markdown")))
    assert marked.num_rows == 0
    common = find_common({"a": given(both, only), "b": given(fewer), "c": given()})
    for name in ("a", "b"):
        rows = common.evidence[name].candidates["heldout"].of("model", probe="length").to_pylist()
        assert {(r["source_id"], r["variant"]) for r in rows} == {
            ("c000000", "padded"),
            ("c000000", "compressed"),
            ("c000002", "padded"),
            ("c000002", "compressed"),
        }
    # Only one was asked for markdown: its number stands alone and is no comparison.
    assert common.evidence["a"].candidates["heldout"].of("model", probe="markdown").num_rows == 1
    assert common.evidence["c"].candidates == {}


def test_samples_are_compared_where_they_are_the_same() -> None:
    def samples(ids: list[str]) -> Evidence:
        table = edited([1.0] * len(ids), {}, slice="samples").table
        return Evidence(
            scores={"heldout": scores([1.0])},
            candidates={"samples": CandidateTable(table.set_column(2, "candidate_id", pa.array(ids)))},
        )

    common = find_common({"a": samples(["x", "y"]), "b": samples(["y", "x"])})
    assert common.slices["samples"].pairs == 2
    assert find_common({"a": samples(["x"]), "b": samples(["z"])}).missing == {"samples": "not the same samples"}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (scores([1.0], slice="mine"), r"nothing to compare \(heldout: not scored by b; mine: not scored by a\)"),
        (scores([1.0], pair_id=["other"]), r"nothing to compare \(heldout: no pair in common\); .*pair_id"),
        (scores([1.0], scorer="mine"), r"b has no scores by model, only by mine"),
    ],
)
def test_nothing_in_common_is_one_line(second: ScoreTable, message: str) -> None:
    given = {"a": Evidence(scores={"heldout": scores([1.0])}), "b": Evidence(scores=second.by_slice())}
    with pytest.raises(DataError, match=message) as caught:
        find_common(given)
    assert "\n" not in str(caught.value)
