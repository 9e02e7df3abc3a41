"""`report.html`: one self-contained page, the verdict first, then the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rmx.audits.examples import Example
from rmx.domain import AuditResult, Candidate, GateDecision
from rmx.gate import explain
from rmx.report.ceiling import ceiling_words
from rmx.report.comparison import Comparison
from rmx.report.comparison_view import view_comparison
from rmx.report.decision import Decision
from rmx.report.decision_view import view_decision
from rmx.report.example_view import view_examples
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
from rmx.report.rows import accuracy_row, audit_blocks, requirement_row, unanswered
from rmx.report.sentences import found_words, gate_sentence, recipe_words, verdict_words
from rmx.report.summary import Summary, model_sentence, summarise
from rmx.score_table import ScoreTable, ScoreView
from rmx.whole_file import write_text

__all__ = ["write_report"]


def write_report(
    path: Path,
    *,
    decision: GateDecision,
    results: Sequence[AuditResult],
    scores: Mapping[str, ScoreTable],
    examples: Sequence[Example],
    texts: Mapping[str, Candidate],
    ledger: Mapping[str, Any] | None,
    curve: Path | None,
    record: Mapping[str, Any],
    config: Mapping[str, Any],
    model_facts: Mapping[str, Any],
    comparison: Comparison | None = None,
    recommended: Decision | None = None,
) -> None:
    """Write the report of a run; equal inputs give equal bytes, and what is missing is said on the page.

    Args:
        path: The HTML file to write; readers see the old one or the new one, never a part.
        decision: The gate's decision.
        results: All audit results, of the judged reward and of its baselines.
        scores: Score tables by slice.
        examples: Single cases to show, see `rmx.audits.find_examples`.
        texts: Their texts by candidate; a case without them is shown by its ids.
        ledger: `data/ledger.json`, or None where the data were not prepared here.
        curve: `metrics.csv`, or None where the model was not trained here.
        record: `record.json`.
        config: The resolved configuration, secrets redacted.
        model_facts: See `rmx.report.summary.model_sentence`.
        comparison: With other scores of the same slices.
        recommended: Between an explicit reward model, which is then the one that is judged, and DPO.

    Raises:
        RunError: The file cannot be written.
    """
    summary = summarise(decision, results)
    views = {name: table.view(summary.scorer) for name, table in scores.items()}
    heldout = views.get("heldout")
    mine = [result for result in results if result.scorer == summary.scorer]
    edits = [example for example in examples if example.audit != "accuracy"]
    panels = _panels(results, summary, heldout, curve)
    page = _template().render(
        title=str(model_facts.get("run") or model_facts.get("name") or ""),
        decision=decision,
        verdict_words=verdict_words(decision),
        recipe_words=recipe_words(decision),
        gate_sentence=gate_sentence(decision),
        model=model_sentence(model_facts),
        blocking=[explain(outcome) for outcome in summary.blocking],
        comparison=None if comparison is None else view_comparison(comparison),
        recommended=None if recommended is None else view_decision(recommended),
        scorer=summary.scorer,
        heldout=[accuracy_row(r, summary.scorer) for r in summary.heldout],
        missing_baselines=summary.missing_baselines,
        numbers=_numbers(summary, views),
        requirements=[requirement_row(o) for o in decision.requirements],
        panels=[panel for panel in panels if panel.svg],
        absent_panels=[panel for panel in panels if not panel.svg],
        wrong=view_examples([e for e in examples if e.audit == "accuracy"], texts),
        no_wrong=f"No heldout {'slice was scored' if heldout is None else 'pair is in the wrong order'}.",
        audits=audit_blocks(mine, judged=summary.scorer, examples=edits, texts=texts),
        unanswered=unanswered(mine),
        baseline_audits=audit_blocks([r for r in results if r.scorer != summary.scorer], judged=summary.scorer),
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
    best_of_n = [r for r in results if r.audit in ("best_of_n", "kl_penalty")]
    return [
        accuracy_by_slice([r for r in results if r.audit == "accuracy"], summary.scorer),
        training_curve(curve),
        audit_history(curve),
        margin_histogram(heldout),
        reliability_diagram(heldout),
        score_against_length(heldout),
        *([best_of_n_curve(best_of_n, summary.scorer)] if best_of_n else []),
    ]


def _numbers(summary: Summary, views: Mapping[str, ScoreView | None]) -> list[tuple[str, str]]:
    fresh = found_words(summary.fresh) if summary.fresh else "not provided: no fresh samples of the policy were scored"
    effects = [found_words(result) for result in summary.length]
    labels = [f"{name}: {_labellers(view)}" for name, view in views.items() if view is not None]
    spread = [] if summary.spread is None else [("Accuracy between folds, sd", found_words(summary.spread))]
    return [
        *spread,
        ("Noise ceiling", ceiling_words(summary.ceiling)),
        ("Fresh-policy accuracy", fresh),
        ("Length effect", "; ".join(effects) or "not provided: no edited texts were scored"),
        ("Who labelled", "; ".join(labels) or "no slice was scored"),
    ]


def _labellers(view: ScoreView) -> str:
    return ", ".join(f"{n:,} {source}" for source, n in sorted(Counter(view.label_sources).items()))
