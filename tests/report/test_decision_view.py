"""A decision in words: on the page, on the terminal and in decision.json."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console
from synthetic_comparison import comparison_of
from synthetic_decision import decision_of
from synthetic_run import Run
from test_html import HOSTILE, page_of

from rmx.report.decision import write_decision
from rmx.report.decision_view import view_decision
from rmx.report.terminal import print_verdict


def test_costs_in_their_units_and_what_was_not_measured() -> None:
    rows = {row.what: (row.reward_model, row.dpo) for row in view_decision(decision_of()).costs}
    assert rows["Optimiser steps"] == ("52", "52")
    assert rows["Operations in training, counted"] == ("130.00 TFLOP", "260.00 TFLOP")
    assert rows["Time in training"] == ("15 min 12 s", "15 min 12 s")
    assert rows["Peak memory"] == ("3.21 GiB", "not measured")
    assert rows["For a reward, operations a token"] == (
        "210.00 MFLOP, one forward pass",
        "210.00 MFLOP, 2 forward passes",
    )


def test_the_page_opens_with_the_recommendation(run: Run, tmp_path: Path) -> None:
    page = page_of(run.but(comparison=comparison_of(run, "dpo"), recommended=decision_of()), tmp_path)
    header = page.text("header")
    assert header.index("Not enough data to tell") < header.index("Do not optimise against this reward")
    assert page.tags.count("h1") == 1
    assert ("header", "class", "verdict inconclusive") in page.attributes
    assert "asked for" in header
    assert ("a", "href", "#decision") in page.attributes


def test_a_page_without_a_decision_does_not_speak_of_one(run: Run, tmp_path: Path) -> None:
    assert "decision" not in page_of(run, tmp_path).ids


def test_names_and_sentences_are_escaped(run: Run, tmp_path: Path) -> None:
    hostile = decision_of(headline=HOSTILE, reasons=(HOSTILE,), caveats=(HOSTILE,))
    page = page_of(run.but(recommended=hostile), tmp_path)
    assert "script" not in page.tags
    assert page.text("header").count(HOSTILE.split()[0]) >= 3


def test_the_terminal_says_it_first(run: Run) -> None:
    stream = io.StringIO()
    print_verdict(
        run.decision,
        run.results,
        model_facts=run.model_facts,
        recommended=decision_of(),
        console=Console(file=stream, width=200),
    )
    lines = stream.getvalue().splitlines()
    assert lines[:5] == [
        "Not enough data to tell.",
        "  On heldout the difference may be nothing.",
        "  About 5,168 labelled pairs of heldout would settle it.",
        "  But: One training of each.",
        "The reward model by itself:",
    ]


def test_decision_json_holds_all_of_it(tmp_path: Path) -> None:
    write_decision(tmp_path / "decision.json", decision_of())
    read = json.loads((tmp_path / "decision.json").read_text())
    assert read["recommendation"] == "not_enough_data"
    assert read["pairs_needed"] == 5168
    assert read["deciding"]["estimate"] == 0.02
    assert read["dpo"]["cost"]["peak_memory_gib"] is None
    assert read["differing_settings"] == {"optim.lr": ["0.001", "0.0001"]}
