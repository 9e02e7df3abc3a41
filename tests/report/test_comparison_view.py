"""A comparison of runs in words: on the page, on the terminal and in comparison.json."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from synthetic_comparison import comparison_of, difference
from synthetic_run import Run
from test_html import HOSTILE, page_of

from rmx.report.comparison import write_comparison
from rmx.report.comparison_view import view_comparison
from rmx.report.paired_words import difference_sentence
from rmx.report.terminal import print_verdict


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            difference("old", 0.04),
            "new orders 4.0 [2.0, 6.0] points more of the 400 heldout pairs as labelled than old "
            "(cluster-robust t, p 0.012).",
        ),
        (
            difference("old", -0.04, n_groups=400, p_value=0.0001),
            "new orders 4.0 [2.0, 6.0] points fewer of the 400 heldout pairs as labelled than old "
            "(mid-p McNemar, p below 0.001).",
        ),
        (
            difference("old", 0.01, detail={"against": "old", "q_value": 0.5, "tests": 3}),
            "The 400 heldout pairs do not tell new and old apart: +1.0 [−1.0, +3.0] points (cluster-robust t, p 0.012, "
            "q 0.500 after correction for 3 tests); a difference below 2.9 points could be missed.",
        ),
        (
            difference("old", 0.0, ci_low=None, ci_high=None, reason="2 groups give no interval"),
            "new and old differ on heldout by 0.0 points: 2 groups give no interval.",
        ),
    ],
)
def test_a_difference_in_one_sentence(found: object, sentence: str) -> None:
    assert difference_sentence(found, "new") == sentence


def test_the_page_has_every_verdict_every_metric_and_what_was_left_out(run: Run, tmp_path: Path) -> None:
    page = page_of(run.but(comparison=comparison_of(run, "last", "older")), tmp_path)
    header, section = page.text("header"), page.text("comparison")
    assert "Beside last, older candidate orders 4.0 [2.0, 6.0] points more of the 400 heldout pairs" in header
    for words in (
        "candidate outputs/candidate Model candidate. ✕ FAIL Blocked: making an answer longer",
        "last outputs/last Model last. ✓ PASS nothing",
        "heldout minus older +4.0 [+2.0, +6.0] points 41 right by candidate alone, 25 by older alone",
        "heldout 400 3 of last, 3 of older",
        "Not compared: mine: not scored by last, older.",
        "heldout accuracy heldout · > 60% 86.0% [83.0%, 89.0%] ✓ PASS 86.0%",
        "accuracy heldout 86.0% [83.0%, 89.0%] ✓ PASS 84.0% [81.0%, 87.0%] ✓ PASS 84.0%",
        "length effect effect heldout +0.47 [+0.41, +0.53] sd ✕ FAIL not provided not provided",
    ):
        assert words in section, words
    assert "agreement" not in section, "a metric that no run has a number of is no row"
    assert len(page.ids) == len(set(page.ids))
    assert page.open == []


def test_a_page_without_a_comparison_has_no_trace_of_one(run: Run, tmp_path: Path) -> None:
    assert "comparison" not in page_of(run, tmp_path).sections


def test_slices_that_judge_stand_before_the_one_that_chose(run: Run) -> None:
    slices = ("validation", "mine", "fresh_policy", "heldout")
    made = comparison_of(run, "last", differences=[replace(difference("last", 0.1), slice=s) for s in slices])
    view = view_comparison(made)
    assert [row.slice for row in view.differences] == ["heldout", "fresh_policy", "mine", "validation"]
    assert len(view.headline) == 1
    assert "heldout pairs" in view.headline[0]


def test_names_are_no_markup(run: Run, tmp_path: Path) -> None:
    page = page_of(run.but(comparison=comparison_of(run, HOSTILE, "$x^{")), tmp_path)
    assert not {"script", "img"} & set(page.tags)
    assert page.text("comparison").count("<script>alert('x')</script>") > 5


def test_the_terminal_says_which_is_better(run: Run) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=False)
    comparison = comparison_of(run, "last")
    print_verdict(run.decision, run.results, model_facts={}, comparison=comparison, console=console)
    assert stream.getvalue().splitlines()[-5:] == [
        "Compared on what all have, 400 of heldout; each verdict is on all that the run has:",
        "  candidate  FAIL",
        "  last       PASS",
        "  candidate orders 4.0 [2.0, 6.0] points more of the 400 heldout pairs as labelled than last "
        "(cluster-robust t, p 0.012).",
        "  Not compared: mine, not scored by last",
    ]


def test_the_json_holds_what_the_page_says(run: Run, tmp_path: Path) -> None:
    write_comparison(tmp_path / "comparison.json", comparison_of(run, "last"))
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert found["judged"] == "candidate"
    assert [(r["name"], r["verdict"], r["blocked_by"]) for r in found["runs"]] == [
        ("candidate", "FAIL", ["length_effect"]),
        ("last", "PASS", []),
    ]
    assert found["slices"]["heldout"]["left_out"] == {"candidate": 0, "last": 3}
    assert found["not_compared"] == {"mine": "not scored by last"}
    assert found["differences"][0]["detail"]["against"] == "last"
    assert found["lost_pairs"] == {"heldout": {"last": ["heldout-000001"]}}
    rows = {(m["audit"], m["slice"], m["metric"]): m["results"] for m in found["metrics"]}
    assert rows["accuracy", "heldout", "accuracy"]["candidate"]["estimate"] == 0.86
    assert rows["length_effect", "heldout", "effect_sd"]["last"] is None
