"""q-values of a run: against statsmodels, and over the right family."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slices import scores
from statsmodels.stats.multitest import multipletests

from rmx.audits import Evidence, run_audits
from rmx.audits.accuracy import Accuracy
from rmx.audits.family import with_q_values
from rmx.audits.paired import Paired
from rmx.domain import AuditResult


def result(p_value: float | None, **detail: float) -> AuditResult:
    return AuditResult("a", "s", "m", "x", 0.5, 0.4, 0.6, "t", 10, 10, p_value=p_value, detail=detail)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_q_values_are_benjamini_hochbergs(p_values: list[float]) -> None:
    corrected = with_q_values([result(p) for p in p_values])
    expected = multipletests(p_values, method="fdr_bh")[1]
    assert [r.detail["q_value"] for r in corrected] == pytest.approx(expected.tolist())
    assert {r.detail["tests"] for r in corrected} == {len(p_values)}


def test_what_has_no_p_value_is_no_member_and_nothing_else_changes() -> None:
    given_ = [result(0.01, gap=1.0), result(None), result(float("nan")), result(0.04)]
    first, second, third, fourth = with_q_values(given_)
    assert first.detail == {"gap": 1.0, "q_value": pytest.approx(0.02), "tests": 2}
    assert (second, third) == (given_[1], given_[2])
    assert fourth.detail["q_value"] == pytest.approx(0.04)
    assert with_q_values([]) == []


def test_a_run_corrects_over_all_its_audits() -> None:
    rng = np.random.default_rng(0)
    tables = [scores(rng.normal(0, 1, 80), scorer=s) for s in ("model", "reference", "other")]
    table = tables[0].merge(*tables[1:])
    audits = [Accuracy(), Paired(), Paired(against="other")]
    results = run_audits(audits, Evidence({"heldout": table}))
    tested = [r for r in results if r.p_value is not None]
    assert [r.audit for r in tested] == ["paired", "paired"]
    assert {r.detail["tests"] for r in tested} == {2}
    assert all("q_value" not in r.detail for r in results if r.audit == "accuracy")
