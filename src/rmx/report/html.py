"""`report.html`: one self-contained page, the verdict first, then the evidence."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rmx.audits.registry import AUDITS
from rmx.data.style import STYLE_FEATURES
from rmx.domain import AuditResult, GateDecision, RequirementOutcome
from rmx.gate import explain
from rmx.report.ceiling import ceiling_words
from rmx.report.ledger import view_ledger
from rmx.report.plots.best_of_n import best_of_n_curve
from rmx.report.plots.canvas import Panel
from rmx.report.plots.history import audit_history
from rmx.report.plots.length import score_against_length
from rmx.report.plots.margins import margin_histogram
from rmx.report.plots.reliability import reliability_diagram
from rmx.report.plots.slices import accuracy_by_slice
from rmx.report.plots.training import training_curve
from rmx.report.reproduce import command_line, facts, flatten
from rmx.report.sentences import (
    audit_name,
    bound_words,
    evidence_words,
    found_words,
    gate_sentence,
    interval_words,
    meaning,
    metric_name,
    quantity,
    verdict_words,
)
from rmx.report.summary import Summary, model_sentence, summarise
from rmx.score_table import ScoreTable, ScoreView
from rmx.whole_file import write_text

__all__ = ["write_report"]

WRONG_PAIRS = 10
COUNTS = {f"{side}_{name}" for side in ("chosen", "rejected") for name in STYLE_FEATURES}
"""Tags that an audit reads and that say little of a single pair."""


def write_report(
    path: Path,
    *,
    decision: GateDecision,
    results: Sequence[AuditResult],
    scores: Mapping[str, ScoreTable],
    ledger: Mapping[str, Any] | None,
    curve: Path | None,
    record: Mapping[str, Any],
    config: Mapping[str, Any],
    model_facts: Mapping[str, Any],
) -> None:
    """Write the report of a run; equal inputs give equal bytes, and what is missing is said on the page.

    Args:
        path: The HTML file to write; readers see the old one or the new one, never a part.
        decision: The gate's decision.
        results: All audit results, of the judged reward and of its baselines.
        scores: Score tables by slice.
        ledger: `data/ledger.json`, or None where the data were not prepared here.
        curve: `metrics.csv`, or None where the model was not trained here.
        record: `record.json`.
        config: The resolved configuration, secrets redacted.
        model_facts: See `rmx.report.summary.model_sentence`.

    Raises:
        RunError: The file cannot be written.
    """
    summary = summarise(decision, results)
    views = {name: table.view(summary.scorer) for name, table in scores.items()}
    heldout = views.get("heldout")
    page = _template().render(
        title=str(model_facts.get("run") or model_facts.get("name") or ""),
        decision=decision,
        verdict_words=verdict_words(decision),
        gate_sentence=gate_sentence(decision),
        model=model_sentence(model_facts),
        blocking=[explain(outcome) for outcome in summary.blocking],
        scorer=summary.scorer,
        heldout=[_accuracy_row(r, summary.scorer) for r in summary.heldout],
        missing_baselines=summary.missing_baselines,
        numbers=_numbers(summary, views),
        requirements=[_requirement_row(o) for o in decision.requirements],
        panels=_panels(results, summary, heldout, curve),
        wrong=_wrong_pairs(heldout),
        no_wrong=f"No heldout {'slice was scored' if heldout is None else 'pair is in the wrong order'}.",
        audits=_audit_blocks([r for r in results if r.scorer == summary.scorer]),
        baseline_audits=_audit_blocks([r for r in results if r.scorer != summary.scorer]),
        ledger=view_ledger(ledger),
        command=command_line(record),
        facts=facts(record, model_facts),
        config=flatten(config),
    )
    write_text(path, page + "\n")


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The one thing that is not escaped: a drawing made here, whose texts matplotlib has escaped.
    environment.filters["drawing"] = lambda svg: Markup(svg)  # noqa: S704
    return environment.get_template("template.html.j2")


def _panels(
    results: Sequence[AuditResult], summary: Summary, heldout: ScoreView | None, curve: Path | None
) -> list[Panel]:
    best_of_n = [r for r in results if r.audit == "best_of_n"]
    return [
        accuracy_by_slice([r for r in results if r.audit == "accuracy"], summary.scorer),
        training_curve(curve),
        audit_history(curve),
        margin_histogram(heldout),
        reliability_diagram(heldout),
        score_against_length(heldout),
        *([best_of_n_curve(best_of_n, summary.scorer)] if best_of_n else []),
    ]


def _accuracy_row(result: AuditResult, judged: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "scorer": result.scorer,
        "judged": result.scorer == judged,
        "interval": interval_words(result),
        "size": f"{result.n_pairs:,}, {result.n_groups:,}",
        "low": None,
    }
    if None not in (result.estimate, result.ci_low, result.ci_high):
        low, middle, high = np.clip(np.array([result.ci_low, result.estimate, result.ci_high], dtype=float), 0, 1) * 100
        row |= {"low": f"{low:.2f}", "middle": f"{middle:.2f}", "width": f"{high - low:.2f}"}
    return row


def _numbers(summary: Summary, views: Mapping[str, ScoreView | None]) -> list[tuple[str, str]]:
    fresh = found_words(summary.fresh) if summary.fresh else "not provided: no fresh samples of the policy were scored"
    effects = [found_words(result) for result in summary.length]
    labels = [f"{name}: {_labellers(view)}" for name, view in views.items() if view is not None]
    return [
        ("Noise ceiling", ceiling_words(summary.ceiling)),
        ("Fresh-policy accuracy", fresh),
        ("Length effect", "; ".join(effects) or "not provided: no edited texts were scored"),
        ("Who labelled", "; ".join(labels) or "no slice was scored"),
    ]


def _labellers(view: ScoreView) -> str:
    return ", ".join(f"{n:,} {source}" for source, n in sorted(Counter(view.label_sources).items()))


def _requirement_row(outcome: RequirementOutcome) -> dict[str, str]:
    return {
        "name": audit_name(outcome.name),
        "kind": outcome.kind,
        "slice": outcome.slice,
        "scorer": outcome.scorer,
        "bound": bound_words(outcome),
        "interval": interval_words(outcome.result) if outcome.result else "not provided",
        "status": outcome.status,
        "why": explain(outcome),
    }


def _audit_blocks(results: Sequence[AuditResult]) -> list[dict[str, Any]]:
    """Return results by audit, each with what its class says it asks."""
    blocks: dict[str, list[dict[str, str]]] = {}
    for result in results:
        row = {
            "metric": metric_name(result.metric),
            "slice": result.slice,
            "scorer": result.scorer,
            "interval": interval_words(result),
            "evidence": evidence_words(result) if result.estimate is not None else "",
            "status": result.status,
            "meaning": meaning(result),
        }
        blocks.setdefault(result.audit, []).append(row)
    return [{"name": audit_name(name), "gloss": _gloss(name), "rows": rows} for name, rows in blocks.items()]


def _gloss(audit: str) -> str:
    """Return the first paragraph of the audit's own docstring; nothing for an audit of another program."""
    text = inspect.getdoc(AUDITS[audit]) if audit in AUDITS else None
    return " ".join((text or "").split("\n\n")[0].split())


def _wrong_pairs(rows: ScoreView | None) -> list[dict[str, str]]:
    if rows is None:
        return []
    margins, tags = rows.margins, rows.tags()
    order = np.argsort(margins, kind="stable")[:WRONG_PAIRS]  # NaN sorts last
    return [
        {
            "pair_id": rows.pair_ids[i],
            "margin": quantity(float(margins[i]), "margin"),
            "tokens": _tokens(rows, int(i)),
            "tags": ", ".join(f"{name} {value}" for name, value in tags[i].items() if name not in COUNTS) or "none",
        }
        for i in order
        if margins[i] < 0
    ]


def _tokens(rows: ScoreView, i: int) -> str:
    if rows.chosen_tokens is None or rows.rejected_tokens is None:
        return "not in the table"
    return f"{rows.chosen_tokens[i]:,}, {rows.rejected_tokens[i]:,}"
