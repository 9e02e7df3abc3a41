"""Score slices with any scorer, then audit, gate and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.data.contamination.proof import exact_prompts
from rmx.data.contamination.record import Hit, write_hits
from rmx.data.overlap import count_overlap, read_split
from rmx.data.prepared import split_rows
from rmx.gate import build_requirements
from rmx.record import RunRecord
from rmx.run.baselines import build_baselines, check_baselines
from rmx.run.corpus import TextSlice, texts_by_id
from rmx.run.directory import RunDirectory
from rmx.run.finished import FinishedRun, find_run
from rmx.run.judged import find_judged, surroundings
from rmx.run.judged_scores import score_judged
from rmx.run.judged_slices import build_judged_slices, is_given
from rmx.run.judgement import exit_status, judge, show
from rmx.run.lineage import print_lineage_notes, sampled_rows
from rmx.run.process import settle_process
from rmx.run.rating import ask_to_rate
from rmx.scorers.kind import ScorerKind
from rmx.scorers.reward_model import Reward

__all__ = ["evaluate"]


def evaluate(config: Config) -> int:
    """Evaluate the judged scorer on its own slices, or on the data and slices given; return the exit status."""
    kind = find_judged(config)
    audits = build_audits(config.audit)
    build_requirements(config.gate)
    check_baselines(config.scorer)
    directory = RunDirectory.claim(Path(config.paths.run))
    record = RunRecord.begin("evaluate", seeds={"seed": config.seed})
    settle_process(config.trainer)
    cache = Path(config.paths.cache)
    run = None if config.reward is None else find_run(Path(str(config.reward)))
    with record.phase("model"):
        scorer = kind.load(surroundings(config))
    for flag in scorer.flags:
        print(f"note: {flag}")
    print_lineage_notes(sampled_rows(config.slice), scorer)
    own = run if isinstance(scorer, Reward) and not is_given(config.data) else None
    with record.phase("data"):
        prepared, slices = build_judged_slices(config, own, scorer, audits, cache)
        leaks = () if prepared is None else prepared.leaks
    with record.phase("scoring"):
        scores = score_judged(scorer, slices, audits, limit=config.data.max_defects, cache=cache)
    with record.phase("judgement"):
        baselines = build_baselines(config.scorer, None if prepared is None else prepared.splits["train"])
        if prepared is not None:
            ledger: Mapping[str, Any] | None = prepared.ledger.to_json()
        else:
            ledger, leaks = (None, ()) if run is None else _trained_on(run, scores.slices)
        if ledger is not None:
            write_hits(leaks, directory.data / "contamination.jsonl")
        evidence = scores.evidence(baselines, ledger)
        record.fingerprints.update(_fingerprints(run, own))
        if config.reward is None:
            record.fingerprints["scorer"] = scorer.identity
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
        ask_to_rate(evidence, audits, scores.slices, directory)
    facts = {"name": _name(kind, config), "trained_here": False} if run is None else run.model_facts
    texts = texts_by_id(scores.slices)
    show(judgement, evidence, directory, record=record, config=redacted(config), model_facts=facts, texts=texts)
    return exit_status(judgement.decision, config.gate)


def _name(kind: ScorerKind, config: Config) -> str:
    return str(config.reward) if config.reward is not None else f"{kind.kind} {kind.subject}".rstrip()


def _trained_on(run: FinishedRun, slices: Mapping[str, TextSlice]) -> tuple[dict[str, Any], tuple[Hit, ...]]:
    """Return the ledger of a run that is judged on other data, with what those share with its train split.

    Prompts are compared word for word: split.parquet holds their hashes, near-duplicates are not to be had from it.
    """
    train = [row for row in read_split(run.directory.data) if row.split == "train"]
    rows = split_rows({name: data.slice.pairs or data.slice.samples for name, data in slices.items()})
    by_split = {name: asdict(overlap) for name, overlap in count_overlap([*train, *rows]).items()}
    overlap = {"pairs": sum(o["pairs"] for o in by_split.values()), "by_split": by_split}
    found = exact_prompts(train, {name: [row for row in rows if row.split == name] for name in slices})
    return {**run.ledger, "overlap": overlap, "contamination": found.summary}, found.hits


def _fingerprints(run: FinishedRun | None, own: FinishedRun | None) -> dict[str, str]:
    """Return what the scores come from: all that the run has, or its model alone where others' data are judged."""
    if run is None:
        return {}
    return {k: v for k, v in run.fingerprints.items() if own is not None or k not in ("data", "split")}
