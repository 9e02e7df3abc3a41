"""The few numbers that are always shown together, on the page and on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmx.audits.benchmarks import Benchmark
from rmx.audits.registry import AUDITS
from rmx.config.ranges import BASELINES
from rmx.domain import AuditResult, GateDecision, RequirementOutcome

__all__ = ["Summary", "blocking", "judged_scorer", "model_sentence", "summarise"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the verdict rests on, judged reward first."""

    scorer: str
    """The scorer that is judged."""
    blocking: tuple[RequirementOutcome, ...]
    heldout: tuple[AuditResult, ...]
    """Heldout accuracies: the judged scorer's, then every baseline's; a baseline that was not given has no estimate."""
    missing_baselines: tuple[str, ...]
    ceiling: tuple[AuditResult, ...]
    """Noise ceiling of the heldout labels: how accurate any scorer could be."""
    fresh: AuditResult | None
    """Accuracy of the judged scorer on fresh samples of the policy."""
    length: tuple[AuditResult, ...]
    """Counterfactual length effects of the judged scorer, on what judges."""
    spread: AuditResult | None = None
    """Of a cross-fit, how far accuracy differs between its folds."""
    benchmarks: tuple[tuple[AuditResult, ...], ...] = ()
    """Headline of each public benchmark that was scored: the judged scorer's, then those of length alone."""


def judged_scorer(decision: GateDecision, results: Sequence[AuditResult]) -> str:
    """Return the scorer that is judged: the model, else the one that the gate names most, else the first audited."""
    named = Counter(o.scorer for o in decision.requirements if o.scorer)
    scorers = list(dict.fromkeys(r.scorer for r in results))
    return "model" if "model" in scorers else (named.most_common(1)[0][0] if named else (scorers or ["model"])[0])


def blocking(decision: GateDecision) -> tuple[RequirementOutcome, ...]:
    """Return the requirements that block, in the order of the gate."""
    return tuple(o for o in decision.requirements if o.name in decision.blocked_by)


def summarise(decision: GateDecision, results: Sequence[AuditResult]) -> Summary:
    """Pick the headline numbers out of all results."""
    scorer = judged_scorer(decision, results)
    accuracies = [r for r in results if r.audit == "accuracy" and r.metric == "accuracy"]
    heldout = [r for r in accuracies if r.slice == "heldout"]
    return Summary(
        scorer=scorer,
        blocking=blocking(decision),
        heldout=tuple(sorted(heldout, key=lambda r: r.scorer != scorer)),
        missing_baselines=tuple(name for name in BASELINES if name not in {r.scorer for r in heldout}),
        ceiling=tuple(r for r in results if r.audit == "noise_ceiling" and r.slice == "heldout" and r.scorer == scorer),
        fresh=next((r for r in accuracies if r.slice == "fresh_policy" and r.scorer == scorer), None),
        length=tuple(
            r for r in results if r.audit == "length_effect" and r.scorer == scorer and r.slice != "validation"
        ),
        spread=next(
            (r for r in results if r.audit == "fold_spread" and r.scorer == scorer and r.estimate is not None), None
        ),
        benchmarks=_benchmarks(results, scorer),
    )


def _benchmarks(results: Sequence[AuditResult], scorer: str) -> tuple[tuple[AuditResult, ...], ...]:
    found: dict[tuple[str, str], list[AuditResult]] = {}
    for result in results:
        audit = AUDITS.get(result.audit)
        if audit and issubclass(audit, Benchmark) and result.metric == audit.metrics[0] and result.estimate is not None:
            found.setdefault((result.audit, result.slice), []).append(result)
    judged = (sorted(of_one, key=lambda r: r.scorer != scorer) for of_one in found.values())
    return tuple(tuple(of_one) for of_one in judged if of_one[0].scorer == scorer)


def model_sentence(facts: Mapping[str, Any]) -> str:
    """Say which model was judged, how many of its layers, what of it was trained, and on how many pairs.

    Args:
        facts: `name`, `source`, `layers`, `layers_total`, `adapter`, `trunk`, `train_pairs`, `trained_here`, and of a
            cross-fit `folds`, the train pairs of each one's model; all optional, and what is absent is left out or said
            to be unknown.
    """
    parts = [f"Model {facts.get('name') or facts.get('source') or 'not named'}"]
    layers, total = facts.get("layers"), facts.get("layers_total")
    if layers is not None:
        parts.append(f"{layers} of {total} layers" if total not in (None, layers) else f"all {layers} layers")
    if not facts.get("trained_here", True):
        parts.append("not trained here")
    elif facts.get("folds"):
        parts.append(f"{_trained(facts)} in {len(facts['folds'])} folds, on {_span(facts['folds'])} pairs each")
    elif facts.get("train_pairs") is not None:
        parts.append(f"{_trained(facts)} on {facts['train_pairs']:,} pairs")
    return ", ".join(parts) + "."


def _span(sizes: Sequence[int]) -> str:
    low, high = min(sizes), max(sizes)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _trained(facts: Mapping[str, Any]) -> str:
    if facts.get("trunk") == "frozen":
        return "only its head trained"
    adapter = facts.get("adapter")
    return {None: "trained", "none": "all weights trained"}.get(adapter, f"trained with adapter {adapter}")
