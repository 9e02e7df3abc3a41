"""A comparison of runs as rows and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rmx.domain import AuditResult, Verdict
from rmx.gate import explain
from rmx.report.comparison import Comparison
from rmx.report.paired_words import against_name, difference_sentence, discordant_words
from rmx.report.plots.canvas import Panel
from rmx.report.plots.slices import accuracy_by_slice
from rmx.report.sentences import audit_name, bound_words, interval_words, metric_name
from rmx.report.summary import blocking
from rmx.report.track import Track, track

__all__ = ["ComparisonView", "compared_words", "view_comparison"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run and what the gate makes of it."""

    name: str
    path: str
    model: str
    verdict: Verdict
    blocking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """Accuracy of the judged run minus that of another."""

    slice: str
    against: str
    interval: str
    track: Track | None
    discordant: str
    sentence: str


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of every run."""

    metric: str
    where: str
    """Slice and, of what the gate asks, the bound."""
    cells: tuple[tuple[str, str, str], ...]
    """Run, interval, status; no status where a run was not asked."""


@dataclass(frozen=True, slots=True)
class SliceRow:
    """What of a slice was compared."""

    name: str
    pairs: str
    left_out: str
    notes: str


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison for the page."""

    judged: str
    names: tuple[str, ...]
    headline: tuple[str, ...]
    """The difference to each other run on the slice that matters most."""
    runs: tuple[RunRow, ...]
    differences: tuple[DifferenceRow, ...]
    panel: Panel
    asked: tuple[MetricRow, ...]
    """What the gate asks for, of all that each run has."""
    metrics: tuple[tuple[str, tuple[MetricRow, ...]], ...]
    """All rows, by audit."""
    slices: tuple[SliceRow, ...]
    missing: tuple[str, ...]


def view_comparison(comparison: Comparison) -> ComparisonView:
    """Return a comparison in rows and sentences."""
    judged = comparison.judged.name
    by_audit: dict[str, list[MetricRow]] = {}
    for (audit, slice, metric), row in comparison.metrics().items():
        by_audit.setdefault(audit, []).append(MetricRow(metric_name(metric), slice, _cells(comparison, row)))
    asked = [
        MetricRow(
            audit_name(outcomes[0].name),
            f"{outcomes[0].slice} · {bound_words(outcomes[0])}",
            tuple((run.name, *_cell(o.result, o.status)) for run, o in zip(comparison.runs, outcomes, strict=True)),
        )
        for outcomes in zip(*(run.decision.requirements for run in comparison.runs), strict=True)
    ]
    accuracies = [
        replace(result, scorer=run.name)
        for run in comparison.runs
        for result in run.results
        if result.audit == "accuracy"
    ]
    return ComparisonView(
        judged=judged,
        names=tuple(run.name for run in comparison.runs),
        headline=tuple(compared_words(comparison)),
        runs=tuple(
            RunRow(run.name, run.path, run.model, run.decision.verdict, tuple(map(explain, blocking(run.decision))))
            for run in comparison.runs
        ),
        differences=tuple(
            DifferenceRow(
                slice=result.slice,
                against=against_name(result),
                interval=interval_words(result),
                track=track(result),
                discordant=discordant_words(result, judged),
                sentence=difference_sentence(result, judged),
            )
            for result in sorted(comparison.differences, key=lambda result: _place(result.slice))
        ),
        panel=accuracy_by_slice(accuracies, judged, others="the runs beside it", name="compared"),
        asked=tuple(asked),
        metrics=tuple((audit_name(audit), tuple(rows)) for audit, rows in by_audit.items()),
        slices=tuple(_slice_rows(comparison)),
        missing=tuple(f"{slice}: {why}" for slice, why in comparison.missing.items()),
    )


def compared_words(comparison: Comparison) -> Iterator[str]:
    """Yield the difference to each other run in a sentence: on heldout, or on the slice that judges next to it."""
    first = min((result.slice for result in comparison.differences), key=_place, default=None)
    for result in comparison.differences:
        if result.slice == first:
            yield difference_sentence(result, comparison.judged.name)


def _place(slice: str) -> int:
    """Return where a slice stands: what judges first, what chose last."""
    return {"heldout": 0, "fresh_policy": 1, "validation": 3}.get(slice, 2)


def _cells(comparison: Comparison, row: Sequence[AuditResult | None]) -> tuple[tuple[str, str, str], ...]:
    found = zip(comparison.runs, row, strict=True)
    return tuple((run.name, *_cell(result, "" if result is None else result.status)) for run, result in found)


def _cell(result: AuditResult | None, status: str) -> tuple[str, str]:
    return ("not provided" if result is None or result.estimate is None else interval_words(result)), status


def _slice_rows(comparison: Comparison) -> Iterator[SliceRow]:
    for name, slice in sorted(comparison.slices.items(), key=lambda item: _place(item[0])):
        left_out = [f"{n:,} of {run}" for run, n in slice.left_out.items() if n]
        notes = []
        if slice.other_texts:
            notes.append(f"{slice.other_texts:,} of them have the same id and other texts")
        if slice.regrouped:
            notes.append(
                f"{', '.join(slice.regrouped)} group them otherwise; the groups of {comparison.judged.name} count"
            )
        yield SliceRow(name, f"{slice.pairs:,}", ", ".join(left_out) or "none", "; ".join(notes))
