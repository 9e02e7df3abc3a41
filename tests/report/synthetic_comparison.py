"""A comparison with hand-set numbers: the run of `synthetic_run` beside others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from synthetic_run import Run, result

from rmx.audits.common import CommonSlice
from rmx.domain import AuditResult
from rmx.report.comparison import ComparedRun, Comparison


def difference(against: str, estimate: float, half: float = 0.02, **changes: Any) -> AuditResult:
    fields: dict[str, Any] = {
        "metric": "difference",
        "null_value": 0.0,
        "alarm": abs(estimate) > half,
        "mde": 1.43 * half,
        "p_value": 0.0124,
        "ci_method": "cluster-robust t",
        "detail": {"against": against, "better": 41, "worse": 25, "q_value": 0.02, "tests": 1},
    }
    return result("paired", "heldout", "model", estimate, half, **(fields | changes))


def comparison_of(run: Run, *others: str, **changes: Any) -> Comparison:
    """`others` have one result less than the run, are slightly less accurate, and pass."""
    judged = ComparedRun(
        "candidate",
        "outputs/candidate",
        "Model candidate.",
        run.decision,
        [r for r in run.results if r.scorer == "model"],
        {},
    )
    passed = replace(run.decision, verdict="PASS", blocked_by=())
    beside = [
        ComparedRun(
            name,
            f"outputs/{name}",
            f"Model {name}.",
            passed,
            [
                replace(r, estimate=r.estimate - 0.02, ci_low=r.ci_low - 0.02, ci_high=r.ci_high - 0.02)
                for r in judged.results
                if r.audit == "accuracy" and r.estimate is not None and r.ci_low is not None and r.ci_high is not None
            ],
            {},
        )
        for name in others
    ]
    made = Comparison(
        runs=(judged, *beside),
        slices={"heldout": CommonSlice(400, {"candidate": 0, **dict.fromkeys(others, 3)})},
        missing={"mine": f"not scored by {', '.join(others)}"},
        differences=[difference(name, 0.04) for name in others],
        lost={"heldout": {name: ["heldout-000001"] for name in others}},
    )
    return replace(made, **changes)
