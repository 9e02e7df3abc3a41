"""The sources of a mixture: composed from the files of single data, checked like them, each error with its own key."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from rmx.config.keys import renamed_keys
from rmx.config.load import compose_config
from rmx.config.rules import check
from rmx.config.schema import Config, DataConfig, SplitConfig
from rmx.config.sources import SOURCE_FIELDS, build_sources
from rmx.errors import ConfigError

MIXTURE = [
    "data=mixture",
    "+data@data.sources.hh=hh",
    "data.sources.hh.path=hh (1)=x.jsonl",
    "+data@data.sources.alpaca=alpaca_eval",
    "data.sources.alpaca.path=[a.jsonl,b.jsonl]",
]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return compose_config("train", MIXTURE, run=tmp_path_factory.mktemp("run"))


@pytest.fixture
def mixture(composed: Config) -> Config:
    return deepcopy(composed)


def test_the_files_of_single_data_compose_into_a_mixture_on_the_command_line(tmp_path: Path) -> None:
    mixture = compose_config("train", [*MIXTURE, "data.sources.hh.weight=2"], run=tmp_path).data
    hh, alpaca = build_sources(mixture)
    assert (hh.name, hh.weight, alpaca.name, alpaca.weight) == ("hh", 2.0, "alpaca", 1.0)
    assert alpaca.data.path == ["a.jsonl", "b.jsonl"]
    alone = compose_config("train", ["data=hh", "data.path=hh (1)=x.jsonl"], run=tmp_path).data
    assert hh.data == alone


def test_once_one_source_has_a_weight_another_weighs_one(mixture: Config) -> None:
    assert [source.weight for source in build_sources(mixture.data)] == [None, None]
    mixture.data.sources["alpaca"]["weight"] = 3
    assert [source.weight for source in build_sources(mixture.data)] == [1.0, 3.0]


def test_a_users_own_file_names_its_sources_in_its_defaults(tmp_path: Path) -> None:
    example = compose_config("train", ["data=hh_and_alpaca", "data.sources.alpaca.path=a.jsonl"], run=tmp_path).data
    hh, alpaca = build_sources(example)
    assert (hh.data.hub, alpaca.data.path) == ("Anthropic/hh-rlhf", "a.jsonl")
    assert (hh.data.label_source, alpaca.data.label_source) == ("human", "model")
    assert (hh.weight, alpaca.weight) == (1.0, 1.0)


def test_a_world_is_a_source_like_any_other(tmp_path: Path) -> None:
    overrides = ["data=mixture", "+data@data.sources.desk=access_desk", "data.sources.desk.world.pairs=9"]
    (desk,) = build_sources(compose_config("train", overrides, run=tmp_path).data)
    whole = compose_config("train", ["data.world.pairs=9"], run=tmp_path).data
    assert desk.data.world == whole.world


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": None, "hub": None}, "data.sources.hh.path: missing value"),
        ({"pth": "x"}, "data.sources.hh.pth: unknown key; did you mean `path`?"),
        ({"wieght": 2}, "data.sources.hh.wieght: unknown key; did you mean `weight`?"),
        ({"weight": 0}, "data.sources.hh.weight: 0 is out of range; give a number above 0"),
        ({"weight": -1.5}, "data.sources.hh.weight: -1.5 is out of range"),
        ({"weight": True}, "data.sources.hh.weight: True is out of range"),
        ({"weight": float("nan")}, "data.sources.hh.weight: nan is out of range"),
        ({"weight": float("inf")}, "data.sources.hh.weight: inf is out of range"),
        ({"weight": "2"}, "data.sources.hh.weight: '2' is out of range"),
        ({"limit": 0}, "data.sources.hh.limit: 0 is out of range; give at least 1"),
        ({"limit": "x"}, "data.sources.hh.limit: expected a whole number or null, got 'x'"),
        ({"annotators": "majorty"}, "data.sources.hh.annotators: 'majorty' is not valid; did you mean `majority`?"),
        ({"max_length": 9}, "data.sources.hh.max_length: acts on all sources together; give data.max_length"),
        ({"split": {"heldout": 0}}, "data.sources.hh.split: acts on all sources together"),
        ({"labels": {"first": [1]}}, "data.sources.hh.labels.first: data.sources.hh.format=hh_dialogue does"),
        ({"path": 3}, "data.sources.hh.path: expected a path or a list of paths, got 3"),
    ],
)
def test_what_is_wrong_with_a_source_is_said_in_one_line_with_its_key(
    mixture: Config, given: dict[str, Any], message: str
) -> None:
    mixture.data.sources["hh"] |= given
    refused(mixture, message)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.sources", {"9lives": {"path": "x"}}, "data.sources.9lives: a source is named by a letter"),
        ("data.sources", {"hh": 3}, "data.sources.hh: expected a mapping of name, path"),
        ("data.sources", {}, "data.path: missing value; give a file"),
        ("data.path", "x", "data.path: a mixture reads data.sources alone; give data=mixture"),
        ("data.annotators", "majority", "data.annotators: a mixture reads data.sources alone"),
        ("data.stream", True, "trainer.max_steps: missing value; data.stream=true reads"),
        ("trainer.max_steps", 9, ""),
    ],
)
def test_what_is_wrong_with_the_whole_is_said_in_one_line(mixture: Config, key: str, value: Any, message: str) -> None:
    group, _, name = key.partition(".")
    setattr(getattr(mixture, group), name, value)
    refused(mixture, message) if message else check(mixture)


def test_sources_of_a_stream_need_weights(mixture: Config) -> None:
    mixture.data.stream, mixture.trainer.max_steps = True, 9
    refused(mixture, "data.sources.hh.weight: missing value; how many rows a stream has is not known")
    mixture.data.sources["alpaca"]["weight"] = 3
    check(mixture)


def refused(config: Config, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_an_unknown_file_of_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data: no option `hhh`; did you mean `hh`"):
        compose_config("train", [*MIXTURE, "+data@data.sources.z=hhh"], run=tmp_path)


def test_every_field_belongs_to_a_source_or_to_the_whole() -> None:
    # A new field of the data is a source's own, unless it is said to act on all pairs together.
    assert {"path", "hub", "columns", "labels", "label_source", "annotators", "limit", "world"} <= set(SOURCE_FIELDS)
    assert not {"split", "max_length", "near_duplicates", "stream", "sources"} & set(SOURCE_FIELDS)
    assert build_sources(DataConfig(path="x", split=SplitConfig())) == ()


def test_labels_of_nobody_named_are_not_taken_for_peoples() -> None:
    (source,) = build_sources(DataConfig(sources={"mine": {"path": "x.jsonl"}}))
    assert source.data.label_source == "unknown"


def test_only_keys_are_renamed() -> None:
    text = "my/data.path and data.path=x; data.paths, slice.a.data.path, data.split"
    assert renamed_keys(text, "data.sources.hh", ("path",)) == (
        "my/data.path and data.sources.hh.path=x; data.paths, slice.a.data.path, data.split"
    )
