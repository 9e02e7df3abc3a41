"""The main job, start to end: data, model, training, scores, verdict, export, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import yaml

from rmx.audits.evidence import Evidence
from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.data.dynamics import Dynamics, write_dynamics, write_suspects
from rmx.data.lint import check_renderer
from rmx.data.render import Renderer
from rmx.data.shards import oversized
from rmx.data.summary import summarise
from rmx.export import Findings, export_model
from rmx.gate import build_requirements
from rmx.model.build import BuiltModel, build_model
from rmx.model.feature_file import keep_features, recall_features
from rmx.record import RunRecord
from rmx.run.baselines import build_baselines, check_baselines
from rmx.run.corpus import Corpus, build_corpus, texts_by_id
from rmx.run.directory import RunDirectory, is_launched_rank
from rmx.run.judged import refuse_judged
from rmx.run.judgement import Judgement, exit_status, judge, show
from rmx.run.process import settle_process
from rmx.run.rating import ask_to_rate
from rmx.run.rescoring import rescore
from rmx.run.scoring import build_evidence
from rmx.run.training import Trained, fit, score_slices
from rmx.run.watch import build_watch
from rmx.run.whole_model import trained_state, whole_model

__all__ = ["train"]


def train(config: Config) -> int:
    """Run the main job in the run directory; return the exit status."""
    # What is used only at the end is checked here: a misspelt bound must not cost a training, nor claim a directory.
    audits, watch = build_audits(config.audit), build_watch(config.watch)
    build_requirements(config.gate)
    refuse_judged(config.scorer)
    check_baselines(config.scorer)
    resume = config.trainer.resume == "auto"
    path = Path(config.paths.run)
    directory = RunDirectory.join(path) if is_launched_rank() else RunDirectory.claim(path, resume=resume)
    cache = Path(config.paths.cache)
    record = RunRecord.begin("train", seeds={"seed": config.seed}, resumes=directory.record if resume else None)
    pl.seed_everything(config.seed, verbose=False)
    settle_process(config.trainer)
    with record.phase("model"):
        built = build_model(
            config.method, config.model, config.adapter, layout=config.batch.layout, seed=config.seed, cache=cache
        )
        renderer = Renderer(built.tokenizer, terminal=config.model.terminal)
        if config.model.features is not None:
            recall_features(built.reward_model, Path(config.model.features))
    if not is_launched_rank():
        for note in built.notes:
            print(note)
    if built.unpacked:
        if not is_launched_rank():
            print(f"batch.layout=packed: this backbone runs padded, because {built.unpacked}")
        config = replace(config, batch=replace(config.batch, layout="padded"))
    if config.data.max_length > built.max_length:
        if not is_launched_rank():
            print(f"data.max_length={config.data.max_length}: lowered to the {built.max_length:,} that the model reads")
        config = replace(config, data=replace(config.data, max_length=built.max_length))
    with record.phase("data"):
        corpus = build_corpus(config, renderer, [*audits, *watch], cache=cache, readable=built.max_length)
    if not is_launched_rank():
        if head := built.facts.get("head"):
            print(f"head: {head}, {_HEADS[head]}")
        _begin(config, corpus, renderer, directory)
        _warn_of_oversized(corpus, config)
    with record.phase("training"):
        trained = fit(config, corpus, built, directory, watch=watch, renderer=renderer)
    with record.phase("scoring"):
        rewards = score_slices(trained, corpus, config)
    state = trained_state(built, keep=not is_launched_rank())
    if torch.distributed.is_initialized():
        # What follows is rank 0's alone; a group left open aborts the process at its end.
        torch.distributed.destroy_process_group()
    if is_launched_rank():
        return 0
    built = whole_model(config, built, state, cache=cache)
    _write_dynamics(trained.dynamics, corpus, directory)
    record.fingerprints.update(
        data=corpus.prepared.fingerprint,
        split=corpus.prepared.ledger.split_fingerprint,
        template=renderer.template_hash,
        weights=str(built.facts.get("sha256") or built.facts.get("revision") or built.facts["source"]),
    )
    with record.phase("judgement"):
        baselines = build_baselines(config.scorer, corpus.prepared.splits["train"])
        device = trained.trainer.strategy.root_device
        rescored = rescore(audits, corpus.slices, built.reward_model, config.batch, device)
        evidence = build_evidence(corpus.slices, rewards, baselines, corpus.prepared.ledger.to_json(), rescored)
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
        ask_to_rate(evidence, audits, corpus.slices, directory)
    if config.model.features is not None:
        keep_features(built.reward_model, Path(config.model.features))
    if config.data.split.fold is None:  # else it only bears witness, and a cross-fit would leave one for each fold
        with record.phase("export"):
            findings = replace(
                _findings(config, evidence, judgement, record), loss=_loss_facts(config, corpus, trained)
            )
            export_model(directory.model, built.reward_model, renderer, findings, built.facts)
    facts = _facts(config, built, corpus)
    texts = texts_by_id(corpus.slices)
    show(judgement, evidence, directory, record=record, config=redacted(config), model_facts=facts, texts=texts)
    return exit_status(judgement.decision, config.gate)


_HEADS = {"new": "the source has none", "kept": "the source is a reward model already", "found": "the adapter has one"}
"""What is said of where the scalar head comes from."""


def _begin(config: Config, corpus: Corpus, renderer: Renderer, directory: RunDirectory) -> None:
    """Write what is known before training starts, and show the data and what the template's lint found."""
    directory.config.write_text(yaml.safe_dump(redacted(config), sort_keys=False, allow_unicode=True))
    corpus.prepared.write(directory.data)
    print(summarise(corpus.prepared.ledger))
    for finding in check_renderer(renderer):
        print(f"template {finding.severity}: {finding.message}")


def _write_dynamics(dynamics: Mapping[str, Dynamics], corpus: Corpus, directory: RunDirectory) -> None:
    pairs = {n: corpus.slices[n].slice.pairs if n in corpus.slices else corpus.prepared.splits[n] for n in dynamics}
    write_dynamics(directory.dynamics, pairs, dynamics)
    count = write_suspects(directory.suspects, pairs, dynamics)
    print(f"{count:,} pairs whose labels training doubts: {directory.suspects}")


def _warn_of_oversized(corpus: Corpus, config: Config) -> None:
    tokens = oversized(corpus.train, config.batch)
    what = "pairs" if corpus.train.rankings is None else "rankings"
    if len(tokens):
        print(
            f"{len(tokens)} train {what} are above batch.max_tokens={config.batch.max_tokens} by themselves and run "
            f"alone, the largest with {tokens.max():,} tokens; if memory does not suffice, lower data.max_length"
        )


def _findings(config: Config, evidence: Evidence, judgement: Judgement, record: RunRecord) -> Findings:
    chosen_on = evidence.candidates.get("validation")
    rewards = None if chosen_on is None else chosen_on.of("model")["reward"].to_numpy()
    return Findings(
        reward_mean=None if rewards is None else float(rewards.mean()),
        reward_sd=None if rewards is None else float(rewards.std()),
        temperature=evidence.temperature,
        trained_length=config.data.max_length,
        data_fingerprint=record.fingerprints["data"],
        split_fingerprint=record.fingerprints["split"],
        audits=judgement.results,
        gate=judgement.decision,
    )


def _loss_facts(config: Config, corpus: Corpus, trained: Trained) -> Mapping[str, Any]:
    """Return what was minimised, with the thresholds that it learnt."""
    levels = {"levels": list(corpus.train.levels)} if corpus.train.levels else {}
    return {"kind": config.loss.kind, **levels, **trained.module.loss.facts()}


def _facts(config: Config, built: BuiltModel, corpus: Corpus) -> Mapping[str, Any]:
    return {
        **built.facts,
        "name": config.model.name,
        "total_layers": built.facts["layers_total"],
        "train_pairs": len(corpus.train),
        "trained_here": True,
    }
