"""Score slices with a finished run or any reward-model directory, then audit, gate and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rmx.audits.base import Audit
from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config, DataConfig
from rmx.config.strict import build_strict
from rmx.data.contamination.proof import exact_prompts
from rmx.data.contamination.record import Hit, write_hits
from rmx.data.overlap import count_overlap, read_split
from rmx.data.prepare import prepare
from rmx.data.prepared import Prepared, split_rows
from rmx.data.slices import Slice, build_slice
from rmx.data.summary import summarise
from rmx.errors import ConfigError, RunError
from rmx.gate import build_requirements
from rmx.record import RunRecord
from rmx.run.baselines import build_baselines, check_baselines
from rmx.run.corpus import SliceData, build_slice_data, prove_slices, texts_by_id
from rmx.run.directory import RunDirectory
from rmx.run.encoding import encode_prepared
from rmx.run.finished import FinishedRun, find_run
from rmx.run.judgement import exit_status, judge, show
from rmx.run.process import settle_process
from rmx.run.rating import ask_to_rate
from rmx.run.rescoring import rescore
from rmx.run.scoring import build_evidence
from rmx.scorers.reward_model import Reward, RewardModelScorer, load_reward

__all__ = ["evaluate"]

_OWN = ("validation", "heldout", "disputed")


def evaluate(config: Config) -> int:
    """Evaluate `reward` on its own slices, or on the data and slices given; return the exit status."""
    if config.reward is None:
        raise ConfigError("reward: missing value; give a finished run, a reward-model directory or a hub id")
    audits = build_audits(config.audit)
    build_requirements(config.gate)
    check_baselines(config.scorer)
    directory = RunDirectory.claim(Path(config.paths.run))
    record = RunRecord.begin("evaluate", seeds={"seed": config.seed})
    settle_process(config.trainer)
    cache = Path(config.paths.cache)
    run = find_run(Path(str(config.reward)))
    with record.phase("model"):
        device = "cpu" if config.trainer.accelerator == "cpu" else None
        reward = load_reward(
            str(config.reward), device=device, max_tokens=config.batch.max_tokens, layout=config.batch.layout
        )
    for flag in reward.flags:
        print(f"note: {flag}")
    own = None if _given(config.data) else run
    with record.phase("data"):
        prepared, slices = _slices(config, own, reward, audits, cache)
        leaks = () if prepared is None else prepared.leaks
    with record.phase("scoring"):
        scorer = RewardModelScorer(reward, cache_dir=cache / "tokens")
        rewards = {name: scorer.score(data.texts.candidates) for name, data in slices.items()}
        rescored = rescore(audits, slices, reward.network, reward.batch, reward.device)
    with record.phase("judgement"):
        baselines = build_baselines(config.scorer, None if prepared is None else prepared.splits["train"])
        if prepared is not None:
            ledger: Mapping[str, Any] | None = prepared.ledger.to_json()
        else:
            ledger, leaks = (None, ()) if run is None else _trained_on(run, slices)
        if ledger is not None:
            write_hits(leaks, directory.data / "contamination.jsonl")
        evidence = build_evidence(slices, rewards, baselines, ledger, rescored)
        record.fingerprints.update(_fingerprints(run, own))
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
        ask_to_rate(evidence, audits, slices, directory)
    facts = {"name": str(config.reward), "trained_here": False} if run is None else run.model_facts
    texts = texts_by_id(slices)
    show(judgement, evidence, directory, record=record, config=redacted(config), model_facts=facts, texts=texts)
    return exit_status(judgement.decision, config.gate)


def _slices(
    config: Config, own: FinishedRun | None, reward: Reward, audits: list[Audit], cache: Path
) -> tuple[Prepared | None, dict[str, SliceData]]:
    """Return the data of the run that is judged on its own, else None, and what the reward is judged on."""
    prepared: Prepared | None = None
    data = config.data
    slices: list[Slice] = []
    specs: dict[str, Any] = dict(config.slice)
    if own is not None:
        data = own.data
        prepared = _as_trained(own, encode_prepared(data, reward.renderer, cache=cache)[0])
        print(summarise(prepared.ledger))
        specs = {**{n: {"from": n} for n in _OWN if prepared.splits[n]}, **(own.config.get("slice") or {}), **specs}
    elif _given(data):
        slices.append(_all_pairs(data, cache))
    elif not specs:
        raise ConfigError("data: missing value; this reward brings no data of its own, give data=NAME or slice=[NAME]")
    slices += [build_slice(n, spec, prepared, data, cache=cache / "data") for n, spec in specs.items()]
    if prepared is not None:
        prepared = prove_slices(prepared, slices, replace(data, benchmarks=config.data.benchmarks or data.benchmarks))
    encoded = {
        s.name: build_slice_data(s, reward.renderer, audits, data.max_length, cache=cache, readable=reward.max_length)
        for s in slices
    }
    return prepared, encoded


def _as_trained(run: FinishedRun, prepared: Prepared) -> Prepared:
    """Return the data if they are those that the run was trained on.

    Other rows split otherwise: a pair that trained the model could be called heldout, and nothing would show it.

    Raises:
        RunError: They have changed since.
    """
    now = {"data": prepared.fingerprint, "split": prepared.ledger.split_fingerprint}
    for name, fingerprint in now.items():
        if run.fingerprints.get(name) != fingerprint:
            raise RunError(
                f"{run.directory.path}: its {name} has changed since (fingerprint {fingerprint}, in training "
                f"{run.fingerprints.get(name)}); bring the data back, or give others to judge on with data=NAME"
            )
    return prepared


def _trained_on(run: FinishedRun, slices: Mapping[str, SliceData]) -> tuple[dict[str, Any], tuple[Hit, ...]]:
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


def _given(data: DataConfig) -> bool:
    return data.path is not None or data.hub is not None or data.format == "synthetic"


def _all_pairs(data: DataConfig, cache: Path) -> Slice:
    """Return every pair of the data as heldout: none of them has to be set aside to train on."""
    whole = build_strict(DataConfig, {**asdict(data), "split": {"validation": 0.0, "heldout": 0.0}}, where="data")
    prepared = prepare(whole, cache=cache / "data")
    print(summarise(prepared.ledger))
    pairs = prepared.splits["train"]
    return Slice("heldout", pairs, "data", None, len(pairs), prepared.ledger, prepared.rejections)
