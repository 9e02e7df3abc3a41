"""One reward: what the gate says of it at each size of the audit, and what optimising against it does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from bench.gate_validity.faults import Case, draw_case
from bench.gate_validity.outcome import Outcome, optimise

from rmx.audits import Evidence, build_audits
from rmx.audits.base import Audit
from rmx.audits.best_of_n_curves import samples_to_rate
from rmx.audits.runner import run_audits
from rmx.config.schema import GateConfig
from rmx.domain import GateDecision
from rmx.gate import decide
from rmx.score_table import CandidateTable
from rmx.worlds.latent import (
    SAMPLES,
    LatentParams,
    LatentReward,
    latent_candidates,
    latent_ledger,
    latent_samples,
    latent_scores,
)
from rmx.worlds.latent.key import calibrated

__all__ = ["CONF", "SIZES", "VALIDATION", "Trial", "run_trial"]

CONF = Path(__file__).resolve().parents[2] / "conf"
SIZES = {1000: (400, 200), 4000: (1000, 400)}
"""Heldout pairs: fresh pairs, and prompts with 128 samples each, of which those that best-of-n chooses are rated."""
VALIDATION = 500
SAMPLES_EACH = 128


@dataclass(frozen=True)
class Trial:
    """A reward, its outcome, and by size of the audit the verdict and what it rests on."""

    case: Case
    outcome: Outcome
    decisions: dict[int, GateDecision]
    accuracy: dict[int, float]
    """Heldout accuracy by size, which is all that others look at."""
    rated: dict[int, int]
    """Samples that people had to rate, by size of the audit."""


@cache
def _base() -> tuple[LatentParams, LatentReward]:
    params = LatentParams(pairs_per_prompt=1, votes=1, tie=0.0, abstain=0.0)
    return params, calibrated(params, LatentReward())


@cache
def _gate(file: Path) -> tuple[GateConfig, tuple[Audit, ...]]:
    gate = GateConfig(**yaml.safe_load(file.read_text()))
    wanted = {requirement["audit"] for requirement in gate.requirements.values()}
    # full.yaml adds to default.yaml, and Hydra is what usually puts them together.
    files = [yaml.safe_load((CONF / "audit" / f"{name}.yaml").read_text()) for name in ("default", "full")]
    nodes = {name: node for part in files for name, node in part.items() if name != "defaults"}
    if missing := sorted(wanted - nodes.keys()):
        raise SystemExit(f"{file}: no audit {missing[0]} in conf/audit/full.yaml")
    return gate, tuple(build_audits({name: node for name, node in nodes.items() if name in wanted}))


def run_trial(number: int, gate_file: Path = CONF / "gate" / "default.yaml") -> Trial:
    """Judge and optimise the reward of this number."""
    case = draw_case(*_base(), number)
    gate, audits = _gate(gate_file)
    decisions, accuracy, rated = {}, {}, {}
    for pairs, (fresh, prompts) in SIZES.items():
        evidence = _evidence(case, pairs, fresh, prompts, audits)
        results = run_audits(audits, evidence)
        decisions[pairs] = decide(results, gate, label_sources=evidence.label_sources())
        accuracy[pairs] = float(evidence.view("heldout", "model").wins.mean())
        rated[pairs] = 0
        if SAMPLES in evidence.candidates:
            rated[pairs] = len(evidence.candidates[SAMPLES].table["gold"].drop_null())
    return Trial(case, _outcome(replace(case.params, seed=0), case.reward), decisions, accuracy, rated)


@cache
def _outcome(params: LatentParams, reward: LatentReward) -> Outcome:
    return optimise(params, reward)


def _rated(table: CandidateTable) -> CandidateTable:
    """Return samples with gold of those alone that people would be asked to rate."""
    found = Evidence(scores={}, candidates={SAMPLES: table}).samples(SAMPLES, "model")
    wanted = pa.array([found.candidates[p][i] for p, i in samples_to_rate(found, SAMPLES, None)])
    gold = pc.if_else(pc.is_in(table.table["candidate_id"], wanted), table.table["gold"], None)
    return CandidateTable(table.table.set_column(table.table.schema.get_field_index("gold"), "gold", gold))


def _evidence(case: Case, pairs: int, fresh: int, prompts: int, audits: tuple[Audit, ...]) -> Evidence:
    counts = {"validation": VALIDATION, "heldout": pairs, "fresh_policy": fresh}
    of_slice = {slice: replace(case.params, prompts=count) for slice, count in counts.items()}
    items = {p: int(getattr(a, "items", 0)) for a in audits if (p := getattr(a, "probe", None)) is not None}
    candidates = {
        "heldout": latent_candidates(
            of_slice["heldout"], case.reward, "heldout", items, items=max(items.values(), default=0)
        )
    }
    if any(SAMPLES in audit.slices for audit in audits):
        # Samples are those of the policy that is to be optimised.
        sampled = replace(
            case.params, exploit_rate=case.params.fresh_exploit_rate, sample_prompts=prompts, samples=SAMPLES_EACH
        )
        candidates[SAMPLES] = _rated(latent_samples(sampled, case.reward))
    return Evidence(
        scores={slice: latent_scores(params, case.reward, slice) for slice, params in of_slice.items()},
        candidates=candidates,
        ledger=latent_ledger(of_slice["heldout"]),
    )
