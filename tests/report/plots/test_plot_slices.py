from __future__ import annotations

import re

from rmx.domain import AuditResult
from rmx.report.plots.slices import MOST_ROWS, accuracy_by_slice


def accuracy(slice_name: str, scorer: str, estimate: float | None) -> AuditResult:
    low, high = (None, None) if estimate is None else (estimate - 0.02, estimate + 0.02)
    return AuditResult("accuracy", slice_name, scorer, "accuracy", estimate, low, high, "t", 10, 5)


def labels(svg: str) -> list[str]:
    return [text for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg) if not re.fullmatch(r"[\d.−]+", text)]


def test_the_judged_scorer_leads_each_slice() -> None:
    rows = [accuracy(s, name, 0.6) for s in ("heldout", "fresh_policy") for name in ("longer", "model", "shorter")]
    names = [text for text in labels(accuracy_by_slice(rows, "model").svg) if not text.startswith("accuracy")]
    assert names == [
        *("heldout", "model", "longer", "shorter"),
        *("fresh_policy", "model", "longer", "shorter"),
    ]


def test_results_without_a_number_are_left_to_the_table() -> None:
    panel = accuracy_by_slice([accuracy("heldout", "model", None)], "model")
    assert panel.svg == ""
    assert panel.caption == "No accuracy by slice: no accuracy was audited."


def test_many_slices_are_cut_and_said_so() -> None:
    rows = [accuracy(f"tag:{i}", name, 0.6) for i in range(60) for name in ("model", "longer")]
    panel = accuracy_by_slice(rows, "model")
    assert f"{MOST_ROWS // 3} of 60 slices are drawn; the table of audits holds all." in panel.caption
    assert "tag:0" in panel.svg
    assert "tag:59" not in panel.svg


def test_formula_and_markup_in_names_are_plain_text() -> None:
    panel = accuracy_by_slice([accuracy("$\\frac{$ <b>", "model", 0.6)], "model")
    assert "$\\frac{$ &lt;b&gt;" in panel.svg
    assert "<b>" not in panel.svg
