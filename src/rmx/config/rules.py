"""What values mean nonsense: words and ranges of single keys, and rules between keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from rmx.config.adapter_rules import ADAPTER_RULES
from rmx.config.hardware_rules import HARDWARE_RULES
from rmx.config.keys import leaves, open_keys
from rmx.config.losses import LOSS_TRAITS
from rmx.config.nearest import did_you_mean
from rmx.config.ranges import BASELINES, CHOICES, NEEDS, RANGES
from rmx.config.schema import Config, DataConfig, MethodConfig, OptimConfig
from rmx.config.sources import SOURCE_FIELDS, build_sources, source_message
from rmx.config.targets import check_targets
from rmx.errors import ConfigError

__all__ = ["check"]

_NEEDED: Mapping[str, Mapping[str, str]] = {
    "score": {
        "input": "a file of prompts and completions",
        "output": "the file to write",
    },
    "sample": {
        "input": "a file of prompts, or a finished run whose prompts of sample.split are asked",
        "output": "the file to write",
    },
    "rerank": {
        "input": "a file of prompts with their completions",
        "output": "the file to write",
    },
    "audit": {"scores": "a finished run, or a score table as parquet, CSV or JSONL, or a list of them to compare"},
}
"""What a command cannot do without, and what it may be."""

_TRAINED = ("train", "prepare", "decide")
"""Commands whose data are trained on."""

_LABELLED = ("comparison", "votes")
"""Formats whose rows say in words or numbers of their own which side won."""


_OF_THE_DIALOGUE = ("messages", "tools", "documents", "add_generation_prompt")
"""Variables of a chat template that say what is rendered, not how."""


def check(config: Config) -> None:
    """Check a configuration of valid keys and types.

    Raises:
        ConfigError: One line with the key, the value and what would be right.
    """
    plain = asdict(config)
    plain.pop("environment")
    values = dict(leaves(plain))
    for key, value in values.items():
        _check_plain(key, value)
    for key, words in CHOICES.items():
        if values[key] not in words:
            valid = ["null" if word is None else word for word in words]
            raise ConfigError(f"{key}: {values[key]!r} is not valid; {did_you_mean(str(values[key]), valid)}")
    for key, bounds in RANGES.items():
        if values[key] is not None and values[key] not in bounds:
            raise ConfigError(f"{key}: {values[key]} is out of range; give {bounds}")
    for rule in _RULES:
        for message in rule(config):
            raise ConfigError(message)
    check_targets(plain)


def _check_plain(key: str, value: Any) -> None:
    if any(key.startswith(f"{node}.") for node in open_keys()):
        return  # the owner of the parameters knows what they may be
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{key}: {value} is not a finite number")
    if value == "None":
        raise ConfigError(f"{key}: the text 'None' is no value; write null")


def _splits(config: Config) -> Iterator[str]:
    split = config.data.split
    if split.folds is None and split.validation + split.heldout >= 1:
        yield (
            f"data.split.validation + data.split.heldout: {split.validation:g} + {split.heldout:g} leaves nothing to "
            "train on; give shares that sum to less than 1"
        )
    if config.trainer.patience is not None and split.validation == 0 and config.task == "train":
        yield "trainer.patience: early stopping reads the validation split; give data.split.validation above 0"


def _folds(config: Config) -> Iterator[str]:
    split = config.data.split
    if split.folds is None:
        for key, unset in (("fold", None), ("final", False)):
            if getattr(split, key) != unset:
                yield f"data.split.{key}: there are no folds; give data.split.folds, or leave it out"
        return
    if split.fold is not None and split.fold >= split.folds:
        yield f"data.split.fold: {split.fold} is out of range; give 0 to {split.folds - 1}, or null for all folds"
    if split.fold is not None and split.final:
        yield "data.split.final: one fold alone has no final model; leave out data.split.fold, or this"
    # Else a pair would choose for two models, and the pooled validation slice would hold it twice.
    if split.validation * split.folds > 1:
        yield (
            f"data.split.validation: {split.validation:g} is more than the {1 / split.folds:g} of one fold; "
            f"give at most 1/{split.folds}, or fewer data.split.folds"
        )
    if split.mode != "grouped":
        yield f"data.split.mode: {split.mode} would put one prompt into several folds; give grouped with folds"
    if split.half is not None:
        yield "data.split.half: with folds every pair is trained on but where it judges; leave one of them out"
    if config.data.sources:
        # Each training would hold other shares than those that the ledger promises.
        yield "data.split.folds: a mixture is not cross-fitted; give one data set, or leave folds out"
    if config.data.stream:
        yield "data.split.folds: a stream is read as far as one run needs; give data.stream=false, or leave folds out"
    if config.task == "decide":
        yield "data.split.folds: rmx.decide compares two models on one heldout split; leave it out"


def _source(config: Config) -> Iterator[str]:
    if config.task in ("train", "prepare") and not config.data.sources:
        yield from _place(config.data)


def _place(data: DataConfig) -> Iterator[str]:
    if data.format != "synthetic" and not (data.path or data.hub):
        yield "data.path: missing value; give a file, a list of files or a glob (or data.hub a hub data set)"


def _sources(config: Config) -> Iterator[str]:
    """Hold every source of a mixture against the rules for data, and refuse what the mixture would leave unread."""
    sources = build_sources(config.data)
    for source in sources:
        alone = replace(config, data=source.data)
        for problem in (*_place(source.data), *_unread(alone), *_paths(alone)):
            yield source_message(source.name, problem)
    if not sources:
        return
    for name, usual in asdict(DataConfig()).items():
        if name in SOURCE_FIELDS and name != "name" and getattr(config.data, name) != usual:
            yield f"data.{name}: a mixture reads data.sources alone; give data=mixture, or data.sources.NAME.{name}"


def _stream(config: Config) -> Iterator[str]:
    if not config.data.stream or config.task not in _TRAINED:
        return
    if config.trainer.max_steps is None:
        yield (
            "trainer.max_steps: missing value; data.stream=true reads the rows that so many optimiser steps need, and "
            "knows of no epoch"
        )
    for source in build_sources(config.data):
        if source.weight is None:
            yield (
                f"data.sources.{source.name}.weight: missing value; how many rows a stream has is not known, so give "
                "every source its part of the pairs"
            )


def _model(config: Config) -> Iterator[str]:
    if config.model.parts and not config.model.source.startswith("pypi:"):
        yield "model.parts: only a pypi: source is spread over wheels; leave it out, or give such a model.source"
    if config.model.features is not None and config.model.trunk != "frozen":
        yield "model.features: a trained trunk has none to keep; give model.trunk=frozen, or leave it out"
    if config.model.init == "random" and "model_type" not in config.model.shape:
        yield "model.shape.model_type: missing value; model.init=random builds the architecture that it names"


def _template_args(config: Config) -> Iterator[str]:
    for name in config.model.template_args:
        what = "is given by rmx" if name.isidentifier() else "is no name of a variable"
        if not name.isidentifier() or name in _OF_THE_DIALOGUE or name.endswith("_token"):
            yield f"model.template_args.{name}: {what}; give the chat template's own variables, such as enable_thinking"


def _dpo(config: Config) -> Iterator[str]:
    """Refuse what a policy without a scalar head cannot heed."""
    if config.method.kind != "dpo":
        if config.method.beta is not None:
            yield f"method.beta: method.kind={config.method.kind} has no beta, method=dpo has; leave it out"
        return
    if config.method.beta is None:
        yield "method.beta: missing value; give above 0, usually 0.1"
    if config.model.trunk == "frozen":
        yield "model.trunk: frozen leaves DPO nothing to train; give model.trunk=trained, or method=rm"
    for key, value, unset in (
        ("model.head_init", config.model.head_init, "normal"),
        ("model.head_init_std", config.model.head_init_std, None),
        ("optim.head_lr", config.optim.head_lr, None),
    ):
        if value != unset:
            yield f"{key}: DPO has no scalar head; give {key}={'null' if unset is None else unset}, or method=rm"
    if not LOSS_TRAITS[config.loss.kind].dpo:
        yield f"loss.kind: DPO is tried with bt alone, not {config.loss.kind}; give loss=bt, or method=rm"
    if config.loss.center:
        yield (
            "loss.center: the reference already fixes where DPO's rewards are zero, centring would pull against it; "
            "give loss.center=0, or method=rm"
        )


def _unread(config: Config) -> Iterator[str]:
    """Refuse what would be ignored: whoever wrote it believes that it acts."""
    for node, mapping, key, value, readers in (
        ("data.world", config.data.world, "data.format", config.data.format, ("synthetic",)),
        ("data.labels", config.data.labels, "data.format", config.data.format, _LABELLED),
        ("model.shape", config.model.shape, "model.init", config.model.init, ("random",)),
    ):
        if mapping and value not in readers:
            name = next((name for name, _ in leaves(mapping, f"{node}.")), node)
            yield f"{name}: {key}={value} does not read {node}, {key}={' or '.join(readers)} would; leave it out"


def _margin(config: Config) -> Iterator[str]:
    margin = config.loss.margin
    if isinstance(margin, bool) or not isinstance(margin, int | float | str | None):
        yield f"loss.margin: {margin!r} is not valid; give null, a number, or the name of the strength column"


def _loss(config: Config) -> Iterator[str]:
    """Refuse what the loss does not read."""
    kind = config.loss.kind
    traits = LOSS_TRAITS[kind]
    if config.loss.margin is not None and not traits.margin:
        yield f"loss.margin: loss.kind={kind} has no target margin; give loss.margin=null, or loss=bt"
    if config.loss.label_smoothing and not traits.flip:
        yield f"loss.label_smoothing: loss.kind={kind} does not read it; give 0, or loss=bt"
    if config.data.annotators == "soft_label" and not traits.flip:
        yield f"data.annotators: loss.kind={kind} does not read soft labels; give another policy, or loss=bt"
    if config.optim.loss_lr != OptimConfig.loss_lr and not traits.trained:
        yield f"optim.loss_lr: loss.kind={kind} trains nothing itself; leave it out"


def _ties(config: Config) -> Iterator[str]:
    """Ties are kept for a loss that learns from them, and for nothing else."""
    kind = config.loss.kind
    traits = LOSS_TRAITS[kind]
    trains = config.task in ("train", "decide")
    if config.data.ties == "keep" and not trains and config.task != "prepare":
        yield f"data.ties: keep is for training, a tie has no side that {config.task} could judge by; leave it out"
    if config.data.ties == "keep" and trains and not traits.ties:
        those = " or ".join(name for name, t in LOSS_TRAITS.items() if t.ties)
        yield f"data.ties: loss.kind={kind} does not learn from ties, {those} do; leave it out or give one"
    if config.data.ties == "reject" and trains and traits.needs_ties:
        yield f"data.ties: loss.kind={kind} learns from ties; give data.ties=keep, or loss=bt"


def _paths(config: Config) -> Iterator[str]:
    for key, value in (("reward", config.reward), ("output", config.output)):
        if value is not None and not isinstance(value, str):
            yield f"{key}: expected one path, got {value!r}"
    for key, value in (("data.path", config.data.path), ("input", config.input), ("scores", config.scores)):
        if not (value is None or isinstance(value, str) or _is_texts(value)):
            yield f"{key}: expected a path or a list of paths, got {value!r}"


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _judged(config: Config) -> Iterator[str]:
    nodes = [node for node in config.scorer.values() if not isinstance(node, dict) or node.get("kind") not in BASELINES]
    if config.task in ("evaluate", "score", "rerank") and config.reward is None and not nodes:
        yield (
            "reward: missing value; give a finished run, a reward-model directory or a hub id, or a scorer that brings "
            "its own; a baseline of scorer=NAME is not judged alone"
        )


def _sampling(config: Config) -> Iterator[str]:
    if config.task != "sample" or config.sample.engine != "vllm":
        return
    if config.model.layers is not None:
        yield "model.layers: sample.engine=vllm runs whole models; give null, or sample.engine=transformers"
    if config.model.adapter is not None:
        yield "model.adapter: sample.engine=vllm reads models as they lie there; give sample.engine=transformers"


def _decide(config: Config) -> Iterator[str]:
    if config.task == "decide" and config.method.kind != "rm":
        yield (
            f"method: {config.method.kind} would be ignored, both methods are trained; leave it out, and give what is "
            "for one of them in decide.rm_overrides or decide.dpo_overrides"
        )
    elif config.task == "decide" and config.decide.dpo is None and not config.decide.dpo_overrides:
        # It is trained last: what it refuses must not cost the training of the other.
        for problem in _dpo(replace(config, method=MethodConfig("dpo", beta=0.1))):
            yield f"{problem}, or move it to decide.rm_overrides"
    for need in config.decide.needs:
        if need not in NEEDS:
            yield f"decide.needs: {need!r} is not known; {did_you_mean(need, NEEDS)}"
    for arm in ("rm", "dpo"):
        path, overrides = getattr(config.decide, arm), getattr(config.decide, f"{arm}_overrides")
        if path is not None and not isinstance(path, str):
            yield f"decide.{arm}: expected one path, got {path!r}"
        if path is not None and overrides:
            yield f"decide.{arm}_overrides: decide.{arm} is finished and not trained again; leave one of them out"


def _needs(config: Config) -> Iterator[str]:
    for key, what in _NEEDED.get(config.task, {}).items():
        if getattr(config, key) is None:
            yield f"{key}: missing value; give {what}"


_RULES: tuple[Callable[[Config], Iterator[str]], ...] = (
    _judged,
    _needs,
    _paths,
    _source,
    _sources,
    _stream,
    _splits,
    _folds,
    _model,
    _template_args,
    _dpo,
    _unread,
    _margin,
    _loss,
    _ties,
    *ADAPTER_RULES,
    *HARDWARE_RULES,
    _sampling,
    _decide,
)
