"""What a composed configuration becomes, and what one line each kind of mistake gets."""

from __future__ import annotations

import dataclasses
import json

import pytest

from rmx.config.load import compose_config
from rmx.errors import ConfigError

JSONL = ("data=jsonl", "data.path=pairs.jsonl")


def compose(tmp_path, *overrides, name="train"):
    return compose_config(name, [*JSONL, *overrides] if name == "train" else overrides, run=tmp_path / "run")


def plain_types(value):
    yield type(value)
    if isinstance(value, dict):
        for item in value.values():
            yield from plain_types(item)
    elif isinstance(value, list):
        for item in value:
            yield from plain_types(item)


def test_nothing_of_omegaconf_goes_further(tmp_path):
    config = compose(tmp_path, "data.columns.id=uid", "logger.tags=[a,b]", "slice=[length_matched]")
    values = dataclasses.asdict(config)
    assert {t.__module__ for t in plain_types(values)} == {"builtins"}
    assert type(config.slice) is dict
    assert type(config.logger.tags) is list
    json.dumps(values)


def test_values_arrive_with_their_types(tmp_path):
    config = compose(tmp_path, "optim.lr=1e-3", "loss.center=1", "trainer.max_steps=7", "loss.margin=strength")
    assert (config.optim.lr, config.loss.center, config.trainer.max_steps) == (1e-3, 1.0, 7)
    assert type(config.loss.center) is float
    assert config.loss.margin == "strength"
    assert config.data.path == "pairs.jsonl"
    assert config.paths.run == str(tmp_path / "run")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loss.centre=1", "loss.centre: unknown key; did you mean `loss.center`?"),
        ("centre=1", "centre: unknown key; did you mean `loss.center`?"),
        ("+loss.centre=1", "loss.centre: unknown key; did you mean `loss.center`?"),
        ("++loss.centre=1", "loss.centre: unknown key; did you mean `loss.center`?"),
        ("+loss.xyz=1", "loss.xyz: unknown key; valid: loss.kind, loss.center, loss.margin, loss.label_smoothing"),
        ("+environment.x=1", "environment: unknown key; valid: adapter, audit,"),
        ("moddel=llama3-8b", "moddel: unknown key; did you mean `model`?"),
        ("model=lama3-8b", "model: no option `lama3-8b`; did you mean `llama3-8b`?"),
        ("experiment=lorarank", "experiment: no option `lorarank`; did you mean `lora_rank`?"),
        ("loss.center=abc", "loss.center: expected a number, got 'abc'"),
        ("trainer.max_steps=1.5", "trainer.max_steps: expected a whole number, got '1.5'"),
        ("gate.enforce=perhaps", "gate.enforce: Value 'perhaps' is not a valid bool"),
        ("seed=???", "seed: missing value; give seed=…"),
        ("data.name=${nowhere}", "data.name: Interpolation key 'nowhere' not found"),
        ("data.name=a=b", "data.name=a=b: cannot be read"),
        ("lossy", "lossy: not an override; write key=value"),
        ("model=llama3-8b,tiny-random", "Ambiguous value for argument 'model=llama3-8b,tiny-random'"),
    ],
)
def test_a_mistake_gets_one_line_that_names_its_key(tmp_path, override, message):
    with pytest.raises(ConfigError) as caught:
        compose(tmp_path, override)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["reward", "input", "output"])
def test_score_says_what_it_needs(tmp_path, missing):
    given = {"reward": "model", "input": "in.jsonl", "output": "out.jsonl"}
    with pytest.raises(ConfigError, match=f"^{missing}: missing value"):
        compose(tmp_path, *(f"{key}={value}" for key, value in given.items() if key != missing), name="score")


def test_audit_needs_scores_and_enforces_its_gate(tmp_path):
    with pytest.raises(ConfigError, match=r"^scores: missing value"):
        compose(tmp_path, name="audit")
    config = compose(tmp_path, "scores=a=b.csv", "gate=strict", name="audit")
    assert config.scores == "a=b.csv"
    assert config.gate.name == "strict"
    assert config.gate.enforce


def test_several_scores_are_a_list_of_paths_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    config = compose(tmp_path, "scores=[~/runs/a (1),runs/b=2.csv]", name="audit")
    assert config.scores == ["/home/ann/runs/a (1)", "runs/b=2.csv"]


def test_evaluate_enforces_the_external_gate_and_needs_a_reward(tmp_path):
    config = compose(tmp_path, "reward=org/model", name="evaluate")
    assert (config.gate.name, config.gate.enforce) == ("external", True)
    assert config.data.path is None
    assert config.data.hub is None
    for without in ([], ["scorer=longer"]):
        with pytest.raises(ConfigError, match=r"^reward: missing value; .* scorer=NAME is not judged alone$"):
            compose(tmp_path, *without, name="evaluate")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["data=hh", "data.world.length_shortcutt=2"],
            "data.world.length_shortcutt: data.format=hh_dialogue does not read data.world, "
            "data.format=synthetic would; leave it out",
        ),
        (
            ["data=hh", "data.labels.foo=[1]"],
            "data.labels.foo: data.format=hh_dialogue does not read data.labels, "
            "data.format=comparison or votes would; leave it out",
        ),
        (["data=jsonl", "data.path=x", "data.labels.first=[1]"], "data.labels.first: data.format=pairs does not read"),
        (["data=synthetic", "data.labels.first=[1]"], "data.labels.first: data.format=synthetic does not read"),
        (
            ["model.shape.hiden=3"],
            "model.shape.hiden: model.init=pretrained does not read model.shape, model.init=random would; leave it out",
        ),
        (["model.shape.rope.theta=3"], "model.shape.rope.theta: model.init=pretrained"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(tmp_path, overrides, message):
    with pytest.raises(ConfigError) as caught:
        compose(tmp_path, *overrides)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_setting_passes_where_it_is_read(tmp_path):
    assert compose(tmp_path, "data=synthetic", "data.world.length_shortcut=2").data.world["length_shortcut"] == 2
    assert compose(tmp_path, "data=pandalm", "data.path=x", "data.labels.abstain=[9]").data.labels["abstain"] == [9]
    assert compose(tmp_path, "model=tiny-random", "model.shape.num_hidden_layers=1").model.init == "random"


def test_train_does_not_enforce_its_gate(tmp_path):
    assert not compose(tmp_path).gate.enforce


def test_slices_compose_in_any_number(tmp_path):
    assert compose(tmp_path, "slice=[]").slice == {}
    assert list(compose(tmp_path, "slice=disputed").slice) == ["disputed"]
    assert list(compose(tmp_path, "slice=[disputed,length_matched]").slice) == ["disputed", "length_matched"]


def test_home_is_expanded_in_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("RMX_CACHE", raising=False)
    config = compose_config("train", ["data=jsonl", "data.path=~/a b.jsonl"], run=tmp_path)
    assert config.data.path == "/home/somebody/a b.jsonl"
    assert config.paths.cache == "/home/somebody/.cache/rmx"


def test_run_id_is_the_environments_or_fixed_once(tmp_path, monkeypatch):
    monkeypatch.delenv("RMX_RUN_ID", raising=False)
    assert compose(tmp_path).run_id == compose(tmp_path).run_id != ""
    monkeypatch.setenv("RMX_RUN_ID", "mine")
    assert compose(tmp_path).run_id == "mine"
    assert compose(tmp_path, "run_id=other").run_id == "other"
