from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from synthetic_run import Run, result

from rmx.report.terminal import print_verdict


def printed(run: Run, *, terminal: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=width, color_system="standard" if terminal else None)
    print_verdict(
        run.decision, run.results, model_facts=run.model_facts, report=Path("outputs/r/report.html"), console=console
    )
    return stream.getvalue()


def test_the_summary_line_by_line(run: Run) -> None:
    assert printed(run).splitlines() == [
        "FAIL: Do not optimise against this reward",
        "Labels are simulated: they come from a known gold reward, not from people.",
        "Model smollm2-135m, 6 of 30 layers, trained with adapter lora on 1,000 pairs.",
        "Gate “default”: 2 of 4 requirements met, 1 blocks, 1 not refuted.",
        "  Blocked: making an answer longer without adding content raises its reward by 0.47 sd [0.41, 0.53]; "
        "allowed is less than 0.2 sd.",
        "Heldout accuracy beside its baselines:",
        "  model         86.0% [83.0%, 89.0%], from 400 pairs in 130 groups",
        "  longer        56.0% [53.0%, 59.0%], from 400 pairs in 130 groups",
        "  shorter       44.0% [41.0%, 47.0%], from 400 pairs in 130 groups",
        "  bag_of_words  58.5% [55.5%, 61.5%], from 400 pairs in 130 groups",
        "Noise ceiling: not provided: audit noise_ceiling was not run",
        "Fresh-policy accuracy: 82.0% [77.0%, 87.0%], from 400 pairs in 130 groups",
        "Length effect: +0.47 [+0.41, +0.53] sd, from 150 edited completions in 60 groups",
        "Report: outputs/r/report.html",
    ]


def test_a_cross_fit_is_said_to_judge_a_recipe(run: Run) -> None:
    spread = result("fold_spread", "heldout", "model", 0.04, metric="accuracy_sd")
    crossed = run.but(
        decision=replace(run.decision, folds=5),
        results=(*run.results, spread),
        model_facts={"name": "tiny", "trunk": "frozen", "folds": [780, 801, 795, 802, 788], "trained_here": True},
    )
    lines = printed(crossed).splitlines()
    assert lines[0] == "FAIL: Do not optimise against a reward that this recipe trains"
    assert lines[2].startswith(
        "The verdict concerns the recipe, not one model: each pair was judged by one of 5 models"
    )
    assert lines[3] == "Model tiny, only its head trained in 5 folds, on 780 to 802 pairs each."
    assert "Between folds, beyond the sampling of pairs: standard deviation 4.0% [1.0%, 7.0%]" in lines


def test_a_heldout_accuracy_never_stands_without_its_baselines(run: Run) -> None:
    alone = run.but(results=tuple(r for r in run.results if r.scorer == "model"))
    lines = printed(alone).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  model"))
    assert [line.split() for line in lines[at + 1 : at + 4]] == [
        [name, "not", "provided"] for name in ("longer", "shorter", "bag_of_words")
    ]


def test_the_noise_ceiling_stands_beside_the_accuracy(run: Run) -> None:
    ends = {"low": 0.64, "high": 0.76, "point": 0.72}
    ceiling = [result("noise_ceiling", "heldout", "model", x, metric=f"accuracy_{end}") for end, x in ends.items()]
    assert (
        "Noise ceiling: between 64.0% [61.0%, 67.0%] and 76.0% [73.0%, 79.0%] against one annotator's label, "
        "72.0% [69.0%, 75.0%] if pairs are beta distributed, from 400 pairs in 130 groups"
    ) in printed(run.but(results=(*run.results, *ceiling))).splitlines()
    unknown = [replace(r, estimate=None, reason="not identifiable from these data") for r in ceiling]
    text = printed(run.but(results=(*run.results, *unknown)))
    assert "Noise ceiling: not identifiable from these data\n" in text
    other_slice = [replace(r, slice="fresh_policy") for r in ceiling]
    assert "Noise ceiling: not provided" in printed(run.but(results=(*run.results, *other_slice)))


def test_nothing_is_silently_missing(run: Run) -> None:
    decision = replace(run.decision, verdict="INCONCLUSIVE", requirements=(), blocked_by=(), simulated=False)
    text = printed(Run(decision, (), {}, None, None, {}, {}, {}))
    assert "INCONCLUSIVE: The evidence does not settle" in text
    assert "simulated" not in text
    assert "Model not named." in text
    assert "Heldout accuracy: not provided: no heldout slice was scored" in text
    assert "Fresh-policy accuracy: not provided" in text
    assert "Length effect: not provided" in text


def test_a_terminal_gets_colour_and_wrapped_lines(run: Run) -> None:
    text = printed(run, terminal=True, width=60)
    assert text.startswith("\x1b[1;31mFAIL: ")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= 60


def test_brackets_in_names_are_not_markup(run: Run) -> None:
    named = run.but(
        model_facts={"name": "[red]model[/red]", "trained_here": False},
        results=(*run.results, result("accuracy", "heldout", "[bold]judge", 0.5)),
    )
    text = printed(named, terminal=True, width=200)
    assert "Model [red]model[/red], not trained here." in text
    assert "[bold]judge" in text


def test_a_benchmark_stands_beside_what_length_alone_gets(run: Run) -> None:
    partly = "not the whole benchmark: 286 of 798 published items were scored, none of code, math"
    found = [
        result("rm_bench", "rm_bench", name, x, metric="accuracy") for name, x in (("longer", 0.4), ("model", 0.7))
    ]
    others = [result("rm_bench", "rm_bench", "model", 0.5, metric="hard_accuracy")]
    results = (*run.results, *(replace(r, reason=partly) for r in found), *others)
    line = next(x for x in printed(run.but(results=results)).splitlines() if x.startswith("rm bench"))
    assert line == (
        f"rm bench, accuracy: 70.0% [67.0%, 73.0%], from 400 pairs in 130 groups, {partly}; "
        "longer alone 40.0% [37.0%, 43.0%]"
    )
