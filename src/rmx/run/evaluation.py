"""Score slices with a finished run or any reward-model directory, then audit, gate and report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rmx.audits.base import Audit
from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config, DataConfig
from rmx.config.strict import build_strict
from rmx.data.prepare import prepare
from rmx.data.prepared import Prepared
from rmx.data.slices import Slice, build_slice
from rmx.data.summary import summarise
from rmx.errors import ConfigError
from rmx.record import RunRecord
from rmx.run.baselines import build_baselines
from rmx.run.corpus import SliceData, build_slice_data
from rmx.run.directory import RunDirectory
from rmx.run.encoding import encode_prepared
from rmx.run.finished import FinishedRun, find_run
from rmx.run.judgement import exit_status, judge, show
from rmx.run.scoring import build_evidence
from rmx.run.trainer import set_threads
from rmx.scorers.reward_model import Reward, RewardModelScorer, load_reward

__all__ = ["evaluate"]

_OWN = ("validation", "heldout", "disputed")


def evaluate(config: Config) -> int:
    """Evaluate `reward` on its own slices, or on the data and slices given; return the exit status."""
    if config.reward is None:
        raise ConfigError("reward: missing value; give a finished run, a reward-model directory or a hub id")
    directory = RunDirectory.claim(Path(config.paths.run))
    record = RunRecord.begin("evaluate", seeds={"seed": config.seed})
    set_threads(config.trainer)
    cache = Path(config.paths.cache)
    audits = build_audits(config.audit)
    run = find_run(Path(str(config.reward)))
    with record.phase("model"):
        device = "cpu" if config.trainer.accelerator == "cpu" else None
        reward = load_reward(str(config.reward), device=device, max_tokens=config.batch.max_tokens)
    for flag in reward.flags:
        print(f"note: {flag}")
    with record.phase("data"):
        prepared, slices = _slices(config, run, reward, audits, cache)
    with record.phase("scoring"):
        scorer = RewardModelScorer(reward, cache_dir=cache / "tokens")
        rewards = {name: scorer.score(data.texts.candidates) for name, data in slices.items()}
    with record.phase("judgement"):
        train = None if prepared is None else prepared.splits["train"]
        baselines = build_baselines(config.scorer, train)
        evidence = build_evidence(slices, rewards, baselines, None if prepared is None else prepared.ledger)
        record.fingerprints.update({} if run is None else run.fingerprints)
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
    facts = {"name": str(config.reward), "trained_here": False} if run is None else run.model_facts
    show(judgement, evidence, directory, record=record, config=redacted(config), model_facts=facts)
    return exit_status(judgement.decision, config.gate)


def _slices(
    config: Config, run: FinishedRun | None, reward: Reward, audits: list[Audit], cache: Path
) -> tuple[Prepared | None, dict[str, SliceData]]:
    """Return the data that the model was trained on, where known, and what it is judged on."""
    own = run if run is not None and not _given(config.data) else None
    prepared: Prepared | None = None
    data = config.data
    slices: list[Slice] = []
    specs: dict[str, Any] = dict(config.slice)
    if own is not None:
        data = own.data
        prepared, _ = encode_prepared(data, reward.renderer, cache=cache)
        print(summarise(prepared.ledger))
        specs = {**{n: {"from": n} for n in _OWN if prepared.splits[n]}, **(own.config.get("slice") or {}), **specs}
    elif _given(data):
        slices.append(_all_pairs(data, cache))
    elif not specs:
        raise ConfigError("data: missing value; this reward brings no data of its own, give data=NAME or slice=[NAME]")
    slices += [build_slice(n, spec, prepared, data, cache=cache / "data") for n, spec in specs.items()]
    encoded = {s.name: build_slice_data(s, reward.renderer, audits, data.max_length, cache=cache) for s in slices}
    return prepared, encoded


def _given(data: DataConfig) -> bool:
    return data.path is not None or data.hub is not None or data.format == "synthetic"


def _all_pairs(data: DataConfig, cache: Path) -> Slice:
    """Return every pair of the data as heldout: nothing of them was trained on here, so none is set aside."""
    whole = build_strict(DataConfig, {**asdict(data), "split": {"validation": 0.0, "heldout": 0.0}}, where="data")
    prepared = prepare(whole, cache=cache / "data")
    print(summarise(prepared.ledger))
    pairs = prepared.splits["train"]
    return Slice("heldout", pairs, "data", None, len(pairs), prepared.ledger, prepared.rejections)
