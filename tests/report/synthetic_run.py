"""A synthetic run: scores with known margins, results with hand-set numbers, and all else that a report is made of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rmx.audits.examples import Example, Side, wrong_pairs
from rmx.config.schema import GateConfig
from rmx.domain import AuditResult, Candidate, GateDecision, Message, RequirementOutcome
from rmx.gate import decide
from rmx.report.comparison import Comparison
from rmx.report.decision import Decision
from rmx.score_table import SCORE_COLUMNS, ScoreTable, candidate_id


def result(
    audit: str, slice_name: str, scorer: str, estimate: float | None, half: float = 0.03, **more: Any
) -> AuditResult:
    known = estimate is not None
    fields: dict[str, Any] = {
        "metric": audit,
        "ci_low": estimate - half if known else None,
        "ci_high": estimate + half if known else None,
        "ci_method": "cluster bootstrap",
        "n_pairs": 400 if known else 0,
        "n_groups": 130 if known else 0,
        "draws": 2000,
        "seed": 0,
    }
    return AuditResult(audit=audit, slice=slice_name, scorer=scorer, estimate=estimate, **(fields | more))


def table(
    slice_name: str, *, pairs: int = 400, seed: int = 0, label_source: str = "gold", **columns: Any
) -> ScoreTable:
    """Rewards that grow with length for chosen and rejected alike; the `longer` baseline scores the length itself."""
    rng = np.random.default_rng(seed)
    chosen_tokens = rng.lognormal(3.6, 0.6, pairs).astype(int) + 3
    rejected_tokens = rng.lognormal(3.4, 0.6, pairs).astype(int) + 3
    shared: dict[str, Any] = {
        "pair_id": [f"{slice_name}-{i:06d}" for i in range(pairs)],
        "group": [f"g{i // 3}" for i in range(pairs)],
        "slice": [slice_name] * pairs,
        "chosen_tokens": chosen_tokens,
        "rejected_tokens": rejected_tokens,
        "prompt_tokens": [20] * pairs,
        "agreement": [1.0] * pairs,
        "strength": [None] * pairs,
        "label_source": [label_source] * pairs,
        "tags": ['{"topic": "badge"}'] * pairs,
        "chosen_id": [None] * pairs,
        "rejected_id": [None] * pairs,
    }
    model = {
        "scorer": ["model"] * pairs,
        "chosen_reward": rng.normal(1.2, 1, pairs) + 0.4 * np.log(chosen_tokens),
        "rejected_reward": rng.normal(0, 1, pairs) + 0.4 * np.log(rejected_tokens),
    }
    longer = {
        "scorer": ["longer"] * pairs,
        "chosen_reward": chosen_tokens.astype(float),
        "rejected_reward": rejected_tokens.astype(float),
    }
    rows = [pa.table({**shared, **model, **columns}), pa.table({**shared, **longer})]
    return ScoreTable(pa.concat_tables([t.select(SCORE_COLUMNS.names).cast(SCORE_COLUMNS) for t in rows]))


@dataclass(frozen=True)
class Run:
    """Everything `write_report` takes."""

    decision: GateDecision
    results: tuple[AuditResult, ...]
    scores: dict[str, ScoreTable]
    ledger: dict[str, Any] | None
    curve: Path | None
    record: dict[str, Any]
    config: dict[str, Any]
    model_facts: dict[str, Any] = field(default_factory=dict)
    edits: tuple[Example, ...] = ()
    texts: dict[str, Candidate] = field(default_factory=dict)
    comparison: Comparison | None = None
    recommended: Decision | None = None

    def arguments(self) -> dict[str, Any]:
        given = dict(vars(self))
        heldout = self.scores["heldout"].view() if "heldout" in self.scores else None
        pairs = [] if heldout is None else wrong_pairs(heldout, 10)
        return given | {"examples": [*pairs, *given.pop("edits")]}

    def but(self, **changes: Any) -> Run:
        return replace(self, **changes)


def text(completion: str, *prompt: tuple[str, str]) -> Candidate:
    """A text as a run would name it; its prompt is one question unless given."""
    turns = tuple(Message(*turn) for turn in prompt or (("user", "May Ana enter the lab?"),))
    return Candidate(candidate_id(turns, completion), turns, completion)


def edit(original: Candidate, edited: Candidate, **changes: Any) -> Example:
    """A length edit that gained half a reward."""
    sides = (
        Side("original", original.candidate_id, 1.25, 40),
        Side("edited", edited.candidate_id, 1.75, 60),
    )
    return replace(Example("length_effect", "heldout", "model", "padded", "effect_sd", 0.84, sides), **changes)


def named_table(texts: list[tuple[Candidate, Candidate]], **columns: Any) -> ScoreTable:
    """A heldout slice whose first pairs are in the wrong order and name the candidates given."""
    pairs = 400
    chosen, rejected = ([pair[side].candidate_id for pair in texts] for side in (0, 1))
    rest = [None] * (pairs - len(texts))
    rewards = [-5.0 + i for i in range(len(texts))] + [3.0] * len(rest)
    return table(
        "heldout",
        chosen_reward=rewards,
        rejected_reward=[2.0] * pairs,
        chosen_id=[*chosen, *rest],
        rejected_id=[*rejected, *rest],
        **columns,
    )


def requirement(
    name: str, kind: str, bound: str, status: str, reason: str, found: AuditResult | None
) -> RequirementOutcome:
    where = ("accuracy", "fresh_policy", "model", "accuracy") if found is None else None
    audit, slice_name, scorer, metric = where or (found.audit, found.slice, found.scorer, found.metric)
    return RequirementOutcome(name, kind, audit, slice_name, scorer, metric, bound, status, reason, found)


def synthetic_run(folder: Path) -> Run:
    """A run whose reward is accurate but pays for length, in a simulation."""
    metrics = folder / "metrics.csv"
    lines = ["step,train/loss,train/accuracy,val/validation/accuracy"]
    for step in range(1, 61):
        value = f"{0.5 + 0.4 * (1 - np.exp(-step / 20)):.6f}" if step % 15 == 0 else ""
        lines.append(f"{step},{0.7 * np.exp(-step / 40):.6f},{0.5 + 0.45 * (1 - np.exp(-step / 18)):.6f},{value}")
    metrics.write_text("\n".join(lines) + "\n")

    heldout = result("accuracy", "heldout", "model", 0.86, tolerance=(0.6, None), status="PASS", null_value=0.5)
    fresh = result("accuracy", "fresh_policy", "model", 0.82, 0.05, tolerance=(0.6, None), status="PASS", mde=0.07)
    length = result(
        "length_effect",
        "heldout",
        "model",
        0.47,
        0.06,
        metric="effect_sd",
        tolerance=(-0.2, 0.2),
        status="FAIL",
        null_value=0.0,
        alarm=True,
        mde=0.09,
        n_pairs=150,
        n_groups=60,
    )
    drop = result(
        "distribution_shift",
        "fresh_policy",
        "model",
        0.04,
        0.058,
        metric="drop",
        tolerance=(None, 0.05),
        status="INCONCLUSIVE",
    )
    results = (
        result("accuracy", "heldout", "longer", 0.56, status="REPORTED"),
        heldout,
        result("accuracy", "heldout", "shorter", 0.44),
        result("accuracy", "heldout", "bag_of_words", 0.585),
        fresh,
        result("accuracy", "fresh_policy", "longer", 0.53, 0.05),
        length,
        drop,
        result(
            "calibration", "heldout", "model", 0.05, 0.1, metric="log_temperature", tolerance=(-0.2, 0.2), status="PASS"
        ),
        result("agreement", "disputed", "model", None, metric="spearman", reason="not_provided", status="INCONCLUSIVE"),
    )
    wanted = {"kind": "prove", "scorer": "model"}
    accuracy = wanted | {"audit": "accuracy", "metric": "accuracy", "above": 0.6}
    effect = wanted | {"audit": "length_effect", "slice": "heldout", "metric": "effect_sd", "within": 0.2}
    lost = {"kind": "refute", "audit": "distribution_shift", "slice": "fresh_policy", "metric": "drop", "at_most": 0.05}
    gate = GateConfig(
        name="default",
        requirements={
            "heldout_accuracy": accuracy | {"slice": "heldout"},
            "fresh_accuracy": accuracy | {"slice": "fresh_policy"},
            "length_effect": effect,
            "fresh_drop": lost,
        },
    )
    decision = decide(results, gate, label_sources={"heldout": ("gold",), "fresh_policy": ("gold",)})
    return Run(
        decision=decision,
        results=results,
        scores={"heldout": table("heldout"), "fresh_policy": table("fresh_policy", pairs=150, seed=1)},
        ledger={
            "rows_in": 1300,
            "comparisons_in": 1304,
            "kept": 1252,
            "rejected": {"tie_or_abstention": 21, "over_length": 8, "duplicate_pair": 3},
            "held_out": 12,
            "review": 8,
            "review_reasons": {"contradictory_pair": 8},
            "splits": {"train": 1000, "validation": 100, "heldout": 152, "disputed": 12},
            "groups": {"train": 330, "validation": 33, "heldout": 50, "disputed": 5},
            "effects": {"kept": {"count": 1252, "chosen_longer": 0.561}, "over_length": {"chosen_longer": 0.75}},
            "overlap": {"pairs": 0, "by_split": {"heldout": {"pairs": 0}, "validation": {"pairs": 0}}},
            "near_duplicates": {"links": 7, "clusters": 3, "largest_group": 5, "cut": 0},
            "warnings": ["one group holds 3% of the pairs"],
        },
        curve=metrics,
        record={
            "command": ["python", "-m", "rmx.train", "data.world.length_bias=0.9"],
            "git": {"commit": "4f1c0d" * 6 + "beef", "dirty": True},
            "versions": {"rmx": "0.1.0", "python": "3.11.9", "torch": "2.13.0"},
            "seeds": {"run": 0},
            "fingerprints": {"data": "a1b2c3d4e5f60718", "template": "9f8e7d6c5b4a3920"},
            "devices": ["cpu"],
            "host": {"processor": "Example CPU", "machine": "x86_64", "system": "Linux", "cores": 2, "threads": 2},
            "started": "2026-11-24T18:00:00+00:00",
            "finished": "2026-11-24T18:04:12+00:00",
            "phases": [
                {"name": "prepare", "started": "", "seconds": 3.2, "failed": False},
                {"name": "train", "started": "", "seconds": 190.0, "failed": False},
            ],
            "earlier": [],
        },
        config={"seed": 0, "data": {"name": "access_desk", "limit": None, "world": {"length_bias": 0.9}}, "slice": {}},
        model_facts={
            "name": "smollm2-135m",
            "layers": 6,
            "layers_total": 30,
            "adapter": "lora",
            "train_pairs": 1000,
        },
    )
