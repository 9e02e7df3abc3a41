"""What accuracy must satisfy: checked on every table before a number is reported, and a defect fails by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slices import ask, scores

from rmx.audits import self_test as module
from rmx.audits.accuracy import Accuracy, accuracy_interval
from rmx.audits.margin import Margin
from rmx.audits.self_test import self_test
from rmx.score_table import ScoreTable, ScoreView

PAIRS = st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 6)), min_size=1, max_size=40)


def view_of(table: ScoreTable) -> ScoreView:
    view = table.view()
    assert view is not None
    return view


@given(PAIRS, st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5))
def test_every_honest_table_passes(pairs: list[tuple[int, int]], levels: list[float]) -> None:
    margins, groups = zip(*pairs, strict=True)
    base = [levels[g % len(levels)] for g in groups]
    self_test(view_of(scores(margins, rejected=base, groups=groups)))


def test_a_candidate_has_one_reward() -> None:
    ids = {"chosen_id": ["a", "b"], "rejected_id": ["b", "c"]}
    self_test(view_of(scores([1.0, 1.0], rejected=[1.0, 0.0], **ids)))
    results = ask(Accuracy(), scores([1.0, 1.0], rejected=[0.0, 0.5], **ids))
    (result,) = results.values()
    assert (result.status, result.estimate) == ("FAIL", None)
    assert "candidate b has rewards 1.5 and 0" in result.reason


def _ties_lost(wins: np.ndarray, groups: np.ndarray):
    return accuracy_interval(np.floor(wins), groups)


def _first_half(wins: np.ndarray, groups: np.ndarray):
    return accuracy_interval(wins[: len(wins) // 2], groups[: len(groups) // 2])


def _generous(wins: np.ndarray, groups: np.ndarray):
    return accuracy_interval(np.where(wins == 0.5, 1.0, wins), groups)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (_ties_lost, "swapping the labels gives"),
        (_generous, "swapping the labels gives"),
        (_first_half, "the order of the rows changes accuracy"),
    ],
)
def test_a_broken_metric_fails_every_audit_of_the_table(monkeypatch, broken, says: str) -> None:
    monkeypatch.setattr(module, "accuracy_interval", broken)
    margins = np.array([1.0, 0.0, 2.0, -1.0, 1.0, 1.0, 0.0, -2.0] * 3)
    for audit in (Accuracy(), Margin()):
        results = ask(audit, scores(margins))
        assert {r.status for r in results.values()} == {"FAIL"}
        assert all(r.reason.startswith(f"a self-test failed: {says}") for r in results.values())


def test_a_metric_that_is_wrong_on_identical_completions_fails(monkeypatch) -> None:
    def wrong(wins: np.ndarray, groups: np.ndarray):
        interval = accuracy_interval(wins, groups)
        return replace(interval, estimate=0.4) if (wins == 0.5).all() else interval

    monkeypatch.setattr(module, "accuracy_interval", wrong)
    (result,) = ask(Accuracy(), scores([1.0, 2.0, -1.0])).values()
    assert "identical completions give accuracy 0.4" in result.reason


def test_other_slices_and_scorers_are_spared() -> None:
    ids = {"chosen_id": ["a", "a"], "rejected_id": ["b", "c"]}
    bad = scores([1.0, 2.0], slice="odd", **ids)
    good = scores([1.0, 2.0], slice="heldout")
    other = scores([1.0, 1.0], slice="odd", scorer="longer", **ids)
    results = ask(Accuracy(slices=("heldout", "odd")), good, bad, other)
    assert {(s, scorer): r.status for (s, scorer, _), r in results.items()} == {
        ("heldout", "model"): "REPORTED",
        ("odd", "model"): "FAIL",
        ("odd", "longer"): "REPORTED",
    }
