"""Cross-fitting: a run for each fold, one after the other, and a verdict on the out-of-fold scores of all pairs."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.data.prepared import Prepared
from rmx.data.render import Renderer
from rmx.data.summary import summarise
from rmx.domain import Candidate
from rmx.errors import RunError
from rmx.gate import build_requirements
from rmx.model.tokenizer import load_tokenizer
from rmx.record import RunRecord
from rmx.run.baselines import check_baselines
from rmx.run.child_runs import refuse_other_settings, train_child
from rmx.run.directory import RunDirectory
from rmx.run.encoding import encode_prepared
from rmx.run.finished import fold_sizes
from rmx.run.fold_evidence import FoldRun, find_fold, pool_evidence, write_to_rate
from rmx.run.judged import refuse_judged
from rmx.run.judgement import exit_status, judge, show
from rmx.run.watch import build_watch
from rmx.score_table import candidate_id

__all__ = ["cross_fit"]

_OWN = ("data.split.fold", "data.split.final", "model.features")
"""Beginnings of the keys in which the runs differ from the job that starts them."""


def cross_fit(config: Config) -> int:
    """Train every fold's model, judge the scores that each gives the pairs it has not seen; return the exit status."""
    audits = build_audits(config.audit)
    build_watch(config.watch)
    build_requirements(config.gate)
    refuse_judged(config.scorer)
    check_baselines(config.scorer)
    _refuse_ranks()
    resume = config.trainer.resume == "auto"
    directory = RunDirectory.claim(Path(config.paths.run), resume=resume)
    record = RunRecord.begin("train", seeds={"seed": config.seed}, resumes=directory.record if resume else None)
    if directory.config.exists():
        refuse_other_settings(config, yaml.safe_load(directory.config.read_text(encoding="utf-8")))
    directory.config.write_text(yaml.safe_dump(redacted(config), sort_keys=False, allow_unicode=True))
    with record.phase("data"):
        cache = Path(config.paths.cache)
        renderer = Renderer(load_tokenizer(config.model, cache), terminal=config.model.terminal)
        prepared, _ = encode_prepared(config.data, renderer, cache=cache)
        prepared.write(directory.data)
        print(summarise(prepared.ledger), flush=True)
    found = [_train_fold(config, fold, directory, record) for fold in range(config.data.split.folds or 0)]
    if config.data.split.final:
        with record.phase("final"):
            _train_final(config, directory)
    record.fingerprints.update(found[0].run.fingerprints)
    record.fingerprints.update(data=prepared.fingerprint, split=prepared.ledger.split_fingerprint)
    with record.phase("judgement"):
        evidence = pool_evidence(found, prepared, directory)
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
        if count := write_to_rate(found, directory.to_rate):
            print(f"{count:,} answers that best-of-n chooses are not rated: fill in gold in {directory.to_rate}")
    facts = {
        "name": config.model.name,
        "adapter": config.adapter.kind,
        "trunk": config.model.trunk,
        "folds": fold_sizes(evidence.ledger or {}),
        "trained_here": True,
    }
    texts = {**_texts(prepared), **{i: text for fold in found for i, text in fold.scores.texts.items()}}
    show(judgement, evidence, directory, record=record, config=redacted(config), model_facts=facts, texts=texts)
    return exit_status(judgement.decision, config.gate)


def _refuse_ranks() -> None:
    # Each fold's run starts its own ranks; ones that were started here would be waited for there.
    if any(int(os.environ.get(name, "1")) > 1 for name in ("WORLD_SIZE", "SLURM_NTASKS")):
        raise RunError(
            "data.split.folds: start a cross-fit as one process, which starts those of each fold; not by torchrun or "
            "with several SLURM tasks"
        )


def _train_fold(config: Config, fold: int, directory: RunDirectory, record: RunRecord) -> FoldRun:
    folds, path = config.data.split.folds, directory.folds / str(fold)
    # Said of every key, for a file of the user's may set them too.
    place = (f"data.split.folds={folds}", f"data.split.fold={fold}", "data.split.final=false")
    overrides = [*place, *_features(config, directory)]
    with record.phase(f"fold {fold}"):
        name = f"fold {fold + 1} of {folds}"
        train_child(path, overrides, name=name, run_id=f"{config.run_id}-fold{fold}", own=_OWN)
    return find_fold(path, fold)


def _train_final(config: Config, directory: RunDirectory) -> None:
    place = ("data.split.folds=null", "data.split.final=false", "data.split.heldout=0")
    overrides = [*place, *_features(config, directory)]
    train_child(
        directory.final,
        overrides,
        name="final model, on all folds",
        run_id=f"{config.run_id}-final",
        own=(*_OWN, "data.split.heldout"),
    )


def _features(config: Config, directory: RunDirectory) -> list[str]:
    """Let the runs share the features of a frozen trunk: they read the same texts, in other parts."""
    if config.model.trunk != "frozen":
        return []
    return [f"model.features={config.model.features or directory.folds / 'features.safetensors'}"]


def _texts(prepared: Prepared) -> dict[str, Candidate]:
    """Return the completions of all pairs by candidate."""
    found: dict[str, Candidate] = {}
    for pair in (pair for pairs in prepared.splits.values() for pair in pairs):
        for text in (pair.chosen, pair.rejected):
            identity = candidate_id(pair.prompt, text)
            found[identity] = Candidate(identity, pair.prompt, text)
    return found
