"""The main job: prepare, train, score, judge, export, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities.exceptions import SIGTERMException

from rmx.audits.accuracy import Accuracy
from rmx.audits.base import Audit
from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.dynamics import TrainingDynamics
from rmx.callbacks.gather import GatherRewards
from rmx.callbacks.interruption import Interruption
from rmx.callbacks.validation import ValidationAudits
from rmx.config.schema import Config
from rmx.config.targets import build_target
from rmx.data.accounts import epoch_pairs
from rmx.data.comparison import SOURCE_TAG
from rmx.data.datamodule import PreferenceData, scoring_loader
from rmx.data.dynamics import Dynamics
from rmx.data.plan import StepPlan
from rmx.data.prepared import Prepared
from rmx.data.render import Renderer
from rmx.data.sequences import Sequences
from rmx.data.shares import Mixing
from rmx.errors import InterruptedRunError, RunError
from rmx.loss import build_loss
from rmx.model.build import BuiltModel
from rmx.model.contract import GOLDEN_DIALOGUES
from rmx.model.head_probe import fit_head
from rmx.model.reward_model import RewardModel
from rmx.module import RewardModule
from rmx.run.corpus import Corpus
from rmx.run.directory import RunDirectory
from rmx.run.loggers import build_loggers
from rmx.run.trainer import BEST, LAST, build_trainer, quiet_lightning
from rmx.scorers.slice_parts import Part, find_parts, with_parts

__all__ = ["Trained", "fit", "score_slices", "step_plan"]


@dataclass(frozen=True)
class Trained:
    """A trained model with the trainer that can still score slices on all ranks."""

    module: RewardModule
    trainer: pl.Trainer
    steps: int
    best_step: int
    """Optimiser step of the checkpoint in use: the best by `trainer.monitor`, or the last without validation."""
    dynamics: Mapping[str, Dynamics]
    """Of `train`, and of `validation` where there is one (on rank 0)."""


def fit(
    config: Config,
    corpus: Corpus,
    built: BuiltModel,
    directory: RunDirectory,
    *,
    watch: Sequence[Audit],
    renderer: Renderer,
) -> Trained:
    """Train to the end, auditing every validation by `watch`, and put the best checkpoint's weights back.

    Raises:
        InterruptedRunError: A signal stopped training, which left a checkpoint.
        RunError: The checkpoint to resume belongs to another run.
        TrainingError: The loss became not finite.
    """
    plan = step_plan(config, corpus)
    validation = {n: d for n, d in corpus.slices.items() if n == "validation"}
    parts = {n: p for n, p in _parts(corpus).items() if p.whole in validation and len(corpus.slices[n].comparisons)}
    watched = {n: corpus.slices[n] for n in (*validation, *parts)}
    identity = _identity(config, corpus, built, plan, renderer.template_hash)
    module = RewardModule(
        built.reward_model,
        loss=build_loss(config.loss, corpus.train),
        optim=config.optim,
        total_steps=plan.total_steps,
        identity=identity,
    )
    checkpoint, resume_step = _resume(config, directory, identity)
    gather = GatherRewards({n: len(d.texts.candidates) for n, d in validation.items()})
    audits = ValidationAudits(
        gather,
        {n: d.texts for n, d in watched.items()},
        {n: d.comparisons for n, d in watched.items()},
        [*watch, *([Accuracy(slices=tuple(parts))] if parts else [])],
        parts,
    )
    dynamics = TrainingDynamics(
        len(corpus.train),
        gather,
        validation["validation"].texts if validation else None,
        file=directory.checkpoints / "validation_margins.npz",
        resume_step=resume_step,
    )
    data = PreferenceData(corpus.train, plan, {n: d.store for n, d in validation.items()})
    with quiet_lightning():
        trainer = build_trainer(
            config.trainer,
            directory.path,
            total_steps=plan.total_steps,
            steps_per_epoch=plan.steps_per_epoch,
            resume_step=resume_step,
            first=[gather, audits, dynamics] if validation else [dynamics],
            loggers=build_loggers(config, directory.path),
            validates=bool(validation),
            extra=[build_target(c, where=f"callbacks.{n}") for n, c in config.callbacks.items()],
        )
        autocast = torch.bfloat16 if config.trainer.precision == "bf16-mixed" else None
        if config.trainer.strategy != "fsdp":  # which brings it there in parts: whole it may not fit
            built.reward_model.to(trainer.strategy.root_device)
        # The weights of a checkpoint are put back by the trainer, later: until then they are the pretrained ones.
        built.reward_model.remember(_trained_on(corpus), config.batch, autocast=autocast)
        built.reward_model.remember(_judged_on(corpus, renderer), config.batch)
        if isinstance(built.reward_model, RewardModel) and config.model.head_init == "probe" and checkpoint is None:
            fit_head(built.reward_model, corpus.train, config.batch, autocast=autocast)
        with suppress(SIGTERMException):  # Lightning's, of a signal before the first step; said below as any other
            trainer.fit(module, data, ckpt_path=checkpoint)
    _stop_if_interrupted(trainer, directory)
    best = _use_best(module, trainer, directory)
    return Trained(module, trainer, trainer.global_step, best, dynamics.dynamics(trainer))


def step_plan(config: Config, corpus: Corpus) -> StepPlan:
    """Return which pairs form every optimiser step of a run."""
    groups, batch = corpus.train.groups, config.batch
    if corpus.train.rankings is not None and not batch.group:
        # A ranking is one observation; groups hold whole ones.
        groups, batch = corpus.train.rankings.ids, replace(batch, group=True)
    return StepPlan(
        groups,
        batch,
        seed=config.seed,
        fingerprint=corpus.prepared.fingerprint,
        max_epochs=config.trainer.max_epochs,
        max_steps=config.trainer.max_steps,
        mixing=_mixing(corpus.prepared),
    )


def _mixing(prepared: Prepared) -> Mixing | None:
    accounts = prepared.ledger.accounts
    if all(account.weight is None for account in accounts.values()):
        return None
    return Mixing(tuple(pair.tags[SOURCE_TAG] for pair in prepared.splits["train"]), epoch_pairs(accounts))


def score_slices(trained: Trained, corpus: Corpus, config: Config) -> dict[str, NDArray[np.float64]]:
    """Return the rewards of every slice's texts, float64 (n,) by slice, on every rank.

    One loader a slice, scored by all ranks in the precision of the weights; a slice that is part of another one has
    been scored there.
    """
    trainer = trained.trainer
    parts = _parts(corpus)
    whole = {n: d for n, d in corpus.slices.items() if n not in parts}
    gather = GatherRewards({n: len(d.texts.candidates) for n, d in whole.items()})
    loaders = [
        scoring_loader(d.store, config.batch, rank=trainer.global_rank, world_size=trainer.world_size)
        for d in whole.values()
    ]
    kept = trainer.callbacks  # type: ignore[attr-defined]
    trainer.callbacks = [gather]  # type: ignore[attr-defined]
    # A run without a validation slice has validated nothing so far.
    trainer.limit_val_batches = 1.0
    try:
        with quiet_lightning():
            trainer.validate(trained.module, dataloaders=loaders, verbose=False)
    finally:
        trainer.callbacks = kept  # type: ignore[attr-defined]
    return with_parts(gather.rewards, parts)


def _parts(corpus: Corpus) -> dict[str, Part]:
    return find_parts({name: data.texts for name, data in corpus.slices.items()})


def _trained_on(corpus: Corpus) -> list[Sequences]:
    """Return what is scored in the precision of the training."""
    train = corpus.train
    sides = np.unique(np.concatenate([train.chosen, train.rejected]))
    return [train.store.select(sides), *(d.store for n, d in corpus.slices.items() if n == "validation")]


def _judged_on(corpus: Corpus, renderer: Renderer) -> list[Sequences]:
    """Return what is scored in the precision of the weights: every slice, and what the export records."""
    return [*(d.store for d in corpus.slices.values()), renderer.encode(GOLDEN_DIALOGUES)]


_ELSEWHERE = (
    "model.gradient_checkpointing",
    "model.checkpointing_reentrant",
    "model.activation_offload",
    "model.compile",
    "model.features",
    "model.template_args",
)
"""Keys of the model that change how it runs, not what it computes, and what the template's hash holds already."""
_WEIGHTS = ("sha256", "revision", "layers", "merged_adapter", "found_adapter")
"""Facts of the model that say which weights training began with."""


def _identity(config: Config, corpus: Corpus, built: BuiltModel, plan: StepPlan, template_hash: str) -> dict[str, Any]:
    """Return what must be the same for a checkpoint to be continued; hardware and budgets may differ."""
    return {
        **{key: repr(value) for key, value in _settings(config).items()},
        "batch.pairs": repr(config.batch.pairs),
        "batch.group": repr(config.batch.group),
        "seed": repr(config.seed),
        "data": corpus.prepared.fingerprint,
        "template": template_hash,
        "weights": repr(sorted((k, str(v)) for k, v in built.facts.items() if k in _WEIGHTS)),
        "optimiser steps": repr(plan.total_steps),
    }


def _settings(config: Config) -> dict[str, Any]:
    """Return the keys that change what is computed."""
    groups = {name: asdict(getattr(config, name)) for name in ("method", "model", "adapter", "loss", "optim")}
    flat = {f"{group}.{key}": value for group, values in groups.items() for key, value in values.items()}
    return {key: value for key, value in flat.items() if key not in _ELSEWHERE}


def _resume(config: Config, directory: RunDirectory, identity: Mapping[str, Any]) -> tuple[Path | None, int]:
    """Return the checkpoint to continue from, and its step."""
    last = directory.checkpoints / LAST
    if config.trainer.resume != "auto" or not last.exists():
        return None, 0
    saved = SafeCheckpointIO().load_checkpoint(last)
    # A key that was added since then had its default.
    before = {**{key: repr(value) for key, value in _settings(Config()).items()}, **saved["identity"]}
    changed = [key for key in identity if before.get(key) != identity[key]]
    if changed:
        key = changed[0]
        raise RunError(
            f"{last}: belongs to a run with {key}={before.get(key)}, now {identity[key]}"
            f"{f' ({len(changed) - 1} more differ)' if len(changed) > 1 else ''}; "
            "restore it, or start afresh in another hydra.run.dir"
        )
    return last, int(saved["global_step"])


def _stop_if_interrupted(trainer: pl.Trainer, directory: RunDirectory) -> None:
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Interruption) and callback.signal is not None:
            raise InterruptedRunError(
                f"interrupted by {callback.signal.name} after step {trainer.global_step}; the checkpoint is in "
                f"{directory.checkpoints}: run the same command with hydra.run.dir={directory.path} trainer.resume=auto"
            )


def _use_best(module: RewardModule, trainer: pl.Trainer, directory: RunDirectory) -> int:
    best = directory.checkpoints / BEST
    # Rank 0 wrote it: the others must not look before it is there.
    trainer.strategy.barrier()
    if not best.exists():
        return trainer.global_step
    saved = SafeCheckpointIO().load_checkpoint(best)
    module.load_state_dict(saved["state_dict"])
    return int(saved["global_step"])
