"""Ranges, words and rules between keys."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.config.ranges import CHOICES, RANGES, Range
from rmx.config.rules import check
from rmx.config.schema import Config, DataConfig
from rmx.errors import ConfigError

DPO = {"method__kind": "dpo", "method__beta": 0.1}
TIES = {"loss__kind": "davidson", "data__ties": "keep"}
RANKED = {"loss__kind": "plackett_luce"}


def valid() -> Config:
    config = Config(run_id="r", data=DataConfig(path="pairs.jsonl"))
    config.paths.run, config.paths.cache = "run", "cache"
    return config


def with_values(**values) -> Config:
    config = valid()
    for key, value in values.items():
        *groups, name = key.split("__")
        node = config
        for group in groups:
            node = getattr(node, group)
        setattr(node, name, value)
    return config


def test_the_schemas_defaults_are_valid():
    check(valid())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"model__template_args": {"tools": []}},
            "model.template_args.tools: is given by rmx; give the chat template's own variables, such as "
            "enable_thinking",
        ),
        (
            {"model__template_args": {"bos_token": "x"}},
            "model.template_args.bos_token: is given by rmx; give the chat template's own variables, such as "
            "enable_thinking",
        ),
        (
            {"model__template_args": {"a b": 1}},
            "model.template_args.a b: is no name of a variable; give the chat template's own variables, such as "
            "enable_thinking",
        ),
        ({"seed": -1}, "seed: -1 is out of range; give at least 0 and at most 4294967295"),
        ({"loss__center": -0.1}, "loss.center: -0.1 is out of range; give at least 0"),
        ({"loss__center": math.nan}, "loss.center: nan is not a finite number"),
        ({"optim__lr": math.inf}, "optim.lr: inf is not a finite number"),
        ({"optim__lr": 0.0}, "optim.lr: 0.0 is out of range; give above 0"),
        ({"loss__label_smoothing": 0.5}, "loss.label_smoothing: 0.5 is out of range; give at least 0 and below 0.5"),
        ({"adapter__r": 0}, "adapter.r: 0 is out of range; give at least 1"),
        ({"trainer__max_steps": 0}, "trainer.max_steps: 0 is out of range; give at least 1"),
        ({"data__split__heldout": 1.0}, "data.split.heldout: 1.0 is out of range; give at least 0 and below 1"),
        ({"data__split__validation": 0.9}, "data.split.validation + data.split.heldout: 0.9 + 0.15 leaves nothing"),
        ({"data__split__folds": 1}, "data.split.folds: 1 is out of range; give at least 2"),
        ({"data__split__fold": 0}, "data.split.fold: there are no folds; give data.split.folds"),
        ({"data__split__final": True}, "data.split.final: there are no folds"),
        ({"data__split__folds": 5, "data__split__fold": 5}, "data.split.fold: 5 is out of range; give 0 to 4"),
        ({"data__split__folds": 5, "data__split__validation": 0.3}, "data.split.validation: 0.3 is more than the 0.2"),
        ({"data__split__folds": 5, "data__split__mode": "row_random"}, "data.split.mode: row_random would put"),
        ({"data__split__folds": 5, "data__split__half": "first"}, "data.split.half: with folds every pair"),
        ({"data__split__folds": 5, "task": "decide"}, "data.split.folds: rmx.decide compares two models"),
        ({"model__features": "f.safetensors"}, "model.features: a trained trunk has none to keep"),
        ({"trainer__precision": "bf16"}, "trainer.precision: 'bf16' is not valid; valid: 32-true, bf16-mixed"),
        ({"trainer__precision": "bf16-mix"}, "trainer.precision: 'bf16-mix' is not valid; did you mean `bf16-mixed`?"),
        ({"trainer__resume": "yes"}, "trainer.resume: 'yes' is not valid; valid: auto, null"),
        ({"trainer__resume": "None"}, "trainer.resume: the text 'None' is no value; write null"),
        ({"batch__layout": "paded"}, "batch.layout: 'paded' is not valid; did you mean `padded`?"),
        ({"model__trunk": "frozen"}, "adapter.kind: lora cannot adapt a frozen trunk"),
        ({"method__beta": 0.1}, "method.beta: method.kind=rm has no beta"),
        ({**DPO, "task": "decide"}, "method: dpo would be ignored, both methods are trained"),
        ({"task": "decide", "loss__center": 0.01}, "loss.center: the reference already fixes"),
        ({"method__kind": "dpo"}, "method.beta: missing value; give above 0"),
        ({"method__beta": 0.0, "method__kind": "dpo"}, "method.beta: 0.0 is out of range; give above 0"),
        (DPO | {"model__trunk": "frozen", "adapter__kind": "none"}, "model.trunk: frozen leaves DPO nothing to train"),
        (DPO | {"model__head_init": "probe"}, "model.head_init: DPO has no scalar head; give model.head_init=normal"),
        (DPO | {"optim__head_lr": 0.1}, "optim.head_lr: DPO has no scalar head; give optim.head_lr=null"),
        (DPO | {"loss__center": 0.01}, "loss.center: the reference already fixes where DPO's rewards are zero"),
        (
            DPO | {"loss__kind": "plackett_luce"},
            "loss.kind: DPO is tried with bt alone, not plackett_luce; give loss=bt",
        ),
        ({"task": "decide", "loss__kind": "plackett_luce"}, "loss.kind: DPO is tried with bt alone"),
        ({"loss__kind": "davidsen"}, "loss.kind: 'davidsen' is not valid; did you mean `davidson`?"),
        ({"loss__kind": "davidson"}, "data.ties: loss.kind=davidson learns from ties; give data.ties=keep, or loss=bt"),
        (
            {"data__ties": "keep"},
            "data.ties: loss.kind=bt does not learn from ties, rao_kupper or davidson or ordered_",
        ),
        (
            {"data__ties": "keep", "task": "evaluate", "reward": "r"},
            "data.ties: keep is for training, a tie has no side",
        ),
        ({**TIES, "loss__margin": 0.5}, "loss.margin: loss.kind=davidson has no target margin; give loss.margin=null"),
        ({**RANKED, "loss__margin": "gap"}, "loss.margin: loss.kind=plackett_luce has no target margin"),
        ({**RANKED, "loss__label_smoothing": 0.1}, "loss.label_smoothing: loss.kind=plackett_luce does not read it"),
        (
            {**RANKED, "data__annotators": "soft_label"},
            "data.annotators: loss.kind=plackett_luce does not read soft labels",
        ),
        (
            {**RANKED, "optim__loss_lr": 0.1},
            "optim.loss_lr: loss.kind=plackett_luce trains nothing itself; leave it out",
        ),
        ({"model__init": "random"}, "model.shape.model_type: missing value"),
        ({"model__source": "a/b", "model__parts": ["c==1#sha256=0"]}, "model.parts: only a pypi: source"),
        ({"trainer__devices": 2}, "trainer.strategy: 2 processes need ddp or fsdp; give trainer=ddp_cpu"),
        ({"trainer__patience": 2, "data__split__validation": 0.0}, "trainer.patience: early stopping reads"),
        ({"loss__margin": True}, "loss.margin: True is not valid"),
        ({"loss__margin": [1]}, "loss.margin: [1] is not valid"),
        ({"data__path": None}, "data.path: missing value"),
        ({"data__path": [1]}, "data.path: expected a path or a list of paths, got [1]"),
        ({"data__path": []}, "data.path: expected a path or a list of paths, got []"),
        ({"reward": ["a"]}, "reward: expected one path, got ['a']"),
        ({"scores": []}, "scores: expected a path or a list of paths, got []"),
        ({"scores": ["a", 1]}, "scores: expected a path or a list of paths, got ['a', 1]"),
        ({"adapter__targets": []}, "adapter.targets: expected all-linear, a name or a list of names, got []"),
        ({"callbacks": {"x": {"_target_": "os.system"}}}, "callbacks.x._target_: 'os.system' is not allowed"),
        ({"callbacks": {"x": {"every": 1}}}, "callbacks.x: a callback needs _target_"),
        ({"audit": {"x": {"_target_": "rmx.callbacks.A"}}}, "audit.x._target_: import paths are allowed in callbacks"),
    ],
)
def test_nonsense_is_named(values, message):
    with pytest.raises(ConfigError) as caught:
        check(with_values(**values))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "values",
    [
        {"model__trunk": "frozen", "adapter__kind": "none"},
        {"trainer__devices": 2, "trainer__strategy": "ddp"},
        {"data__split__validation": 0.0, "data__split__heldout": 0.0},
        {"data__path": ["a.jsonl", "b.jsonl"]},
        {"data__path": None, "data__hub": "org/set"},
        {"data__path": None, "data__format": "synthetic"},
        {"loss__margin": 0.5},
        {"loss__margin": "strength"},
        {"slice": {"x": {"above": math.inf}}},
        {**TIES, "loss__label_smoothing": 0.1, "loss__center": 0.01, "optim__loss_lr": 0.1},
        {"data__ties": "keep", "task": "prepare"},
        {"loss__kind": "ordered_probit"},
        {**RANKED, "loss__center": 0.01, "loss__per": "group"},
    ],
)
def test_sense_passes(values):
    check(with_values(**values))


def test_what_reads_no_pairs_needs_no_data():
    check(replace(with_values(data__path=None, scores="scores.csv"), task="audit"))


@given(st.sampled_from(sorted(RANGES)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_passes_exactly_inside_its_range(key, value):
    bounds = RANGES[key]
    above = value > bounds.low or (value == bounds.low and not bounds.low_open)
    below = value < bounds.high or (value == bounds.high and not bounds.high_open)
    assert (value in bounds) == (above and below)


def test_ranges_read_as_words():
    assert str(Range(0, 1, high_open=True)) == "at least 0 and below 1"
    assert str(Range(0, low_open=True)) == "above 0"


def test_defaults_are_among_the_words():
    config = valid()
    for key, words in CHOICES.items():
        value = config
        for part in key.split("."):
            value = getattr(value, part)
        assert value in words
