"""The verdict on the terminal: what it is, what blocks it, and the numbers it rests on, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmx.domain import AuditResult, GateDecision
from rmx.gate import explain
from rmx.report.ceiling import ceiling_words
from rmx.report.comparison import Comparison
from rmx.report.comparison_view import compared_words
from rmx.report.decision import Decision
from rmx.report.sentences import (
    audit_name,
    found_words,
    gate_sentence,
    interval_words,
    metric_name,
    recipe_words,
    verdict_words,
)
from rmx.report.summary import Summary, model_sentence, summarise

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_verdict"]

_STYLES = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}


def print_verdict(
    decision: GateDecision,
    results: Sequence[AuditResult],
    *,
    model_facts: Mapping[str, Any],
    comparison: Comparison | None = None,
    recommended: Decision | None = None,
    report: Path | None = None,
    console: Console | None = None,
) -> None:
    """Print the verdict; without colour and line breaks of its own where the output is not a terminal.

    Args:
        decision: The gate's decision.
        results: All audit results, of the judged reward and of its baselines.
        model_facts: See `rmx.report.summary.model_sentence`.
        comparison: With other runs, of which this one is the first.
        recommended: Between an explicit reward model, which is then the one that is judged, and DPO.
        report: Where the report lies; None where none was written.
        console: Where to print; standard output where None.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    wrap = console.is_terminal  # a log or a pipe gets one line per fact, however long

    def say(line: str = "", style: str = "") -> None:
        # Text, not markup: brackets in a name or an interval are only brackets.
        console.print(Text(line, style=style), soft_wrap=not wrap)

    summary = summarise(decision, results)
    if recommended is not None:
        say(f"{recommended.headline}.", "bold")
        for sentence in recommended.reasons:
            say(f"  {sentence}")
        for sentence in recommended.caveats:
            say(f"  But: {sentence}")
        say("The reward model by itself:")
    say(f"{decision.verdict}: {verdict_words(decision)}", _STYLES[decision.verdict])
    if decision.simulated:
        say("Labels are simulated: they come from a known gold reward, not from people.", "bold")
    if decision.folds:
        say(recipe_words(decision), "bold")
    say(model_sentence(model_facts))
    say(gate_sentence(decision))
    for outcome in summary.blocking:
        say(f"  {explain(outcome)}")
    for line in _numbers(summary):
        say(line)
    for line in _compared(comparison) if comparison is not None else ():
        say(line)
    if report is not None:
        say(f"Report: {report}")


def _compared(comparison: Comparison) -> list[str]:
    pairs = ", ".join(f"{slice.pairs:,} of {name}" for name, slice in comparison.slices.items())
    width = max(len(run.name) for run in comparison.runs)
    lines = [f"Compared on what all have, {pairs}; each verdict is on all that the run has:"]
    lines += [f"  {run.name:<{width}}  {run.decision.verdict}" for run in comparison.runs]
    lines += [f"  {sentence}" for sentence in compared_words(comparison)]
    return lines + [f"  Not compared: {slice}, {why}" for slice, why in comparison.missing.items()]


def _numbers(summary: Summary) -> list[str]:
    lines = ["Heldout accuracy beside its baselines:"]
    names = [r.scorer for r in summary.heldout] + list(summary.missing_baselines)
    width = max(map(len, names))
    lines += [f"  {r.scorer:<{width}}  {found_words(r)}" for r in summary.heldout]
    lines += [f"  {name:<{width}}  not provided" for name in summary.missing_baselines]
    if not summary.heldout:
        lines = ["Heldout accuracy: not provided: no heldout slice was scored"]
    if summary.spread is not None:
        lines.append(
            f"Between folds, beyond the sampling of pairs: standard deviation {interval_words(summary.spread)}"
        )
    lines.append(f"Noise ceiling: {ceiling_words(summary.ceiling)}")
    fresh = found_words(summary.fresh) if summary.fresh else "not provided: no fresh samples of the policy were scored"
    lines.append(f"Fresh-policy accuracy: {fresh}")
    effects = [found_words(r) for r in summary.length] or ["not provided: no edited texts were scored"]
    lines += [f"Length effect: {effect}" for effect in effects]
    return lines + [_benchmark(*of_one) for of_one in summary.benchmarks]


def _benchmark(judged: AuditResult, *length_alone: AuditResult) -> str:
    """Say what a benchmark gives, whether that is all of it, and what it gives to length alone."""
    line = f"{audit_name(judged.audit)}, {metric_name(judged.metric)}: {found_words(judged)}"
    line += f", {judged.reason}" if judged.reason else ""
    return "; ".join([line, *(f"{r.scorer} alone {interval_words(r)}" for r in length_alone)])
