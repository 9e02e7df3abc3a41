"""Functions that check completions: in a process of their own, from listed modules, each text bounded in time."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from rmx.domain import Candidate, Message
from rmx.errors import ConfigError, DataError
from rmx.score_table import candidate_id
from rmx.scorers import verifiers
from rmx.scorers.base import Scored
from rmx.scorers.kind import Surroundings
from rmx.scorers.registry import build_kind

AROUND = Surroundings(None, "cpu", 8192, "packed", Path("unused"))
SOURCE = """
import os, time

def check(prompt, completion, reference=None, bonus=0.0):
    print("a function may print", prompt)
    if completion == "loop":
        while True:
            pass
    if completion == "die":
        os._exit(3)
    if completion == "read":
        return len(input())
    if completion == "raise":
        raise ValueError("no such thing")
    if completion == "text":
        return "yes"
    if completion == "nan":
        return float("nan")
    if completion == "equal":
        return prompt[-1]["content"] == reference
    return len(completion) + bonus
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_checks.py").write_text(SOURCE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(verifiers.__file__).parents[2]}")
    monkeypatch.syspath_prepend(tmp_path)
    return "my_checks"


def texts(*completions: str, prompt: str = "Q") -> list[Candidate]:
    turns = (Message("user", prompt),)
    return [Candidate(candidate_id(turns, c), turns, c) for c in completions]


def scored(candidates: list[Candidate], function: str, **parameters: Any) -> Scored:
    node = {"kind": "verifier", "function": function, **parameters}
    scorer: Any = build_kind(node, where="scorer.verifier").load(AROUND)
    try:
        return scorer.score_texts(candidates)
    finally:
        scorer.process.stop()


def test_what_loops_dies_or_raises_costs_its_own_text_alone(module: str) -> None:
    begun = time.monotonic()
    found = scored(
        texts("four", "loop", "six!!!", "die", "raise", "text", "nan", "four", "read", "next"),
        f"{module}:check",
        modules=[module],
        arguments={"bonus": 0.5},
        seconds=1.5,
    )
    assert time.monotonic() - begun < 60
    assert found.values[[0, 2, 7, 9]].tolist() == [4.5, 6.5, 4.5, 4.5]
    assert math.isnan(found.values[6])
    assert found.reasons == {
        1: "timeout: my_checks:check had not answered after 1.5 s",
        3: "crash: the process ended",
        4: "verifier_error: ValueError: no such thing",
        5: "no_number: it returned str",
        8: "verifier_error: EOFError: EOF when reading a line",
    }


def test_references_belong_to_prompts(module: str, tmp_path: Path) -> None:
    rows = [{"question": "Q", "answer": "Q"}, {"question": "R", "answer": "S"}]
    path = tmp_path / "references.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"path": str(path), "prompt": "question", "reference": "answer"}
    candidates = [*texts("equal"), *texts("equal", prompt="R"), *texts("equal", prompt="T")]
    found = scored(candidates, f"{module}:check", modules=[module], references=columns)
    assert found.values[:2].tolist() == [1.0, 0.0]
    assert found.reasons == {2: "missing: no reference for its prompt"}
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"question": "Q", "answer": "other"}]))
    with pytest.raises(DataError, match="row 3: its prompt had another reference before"):
        scored(candidates, f"{module}:check", modules=[module], references=columns)
    with pytest.raises(DataError, match="row 1: no 'gold'; it has question, answer"):
        scored(candidates, f"{module}:check", modules=[module], references={**columns, "reference": "gold"})


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"function": "os:system"}, "scorer.verifier: function 'os:system' is of a module that is not listed"),
        ({"function": "rmx.scorers.verifiers"}, "scorer.verifier: function 'rmx.scorers.verifiers' is not of the form"),
        (
            {"function": "rmx.scorers.verifiers:exact_mach"},
            "scorer.verifier.function: rmx.scorers.verifiers:exact_mach",
        ),
        ({"function": "a_b_c:d", "modules": ["a_b_c"]}, "scorer.verifier.function: a_b_c:d: ModuleNotFoundError"),
        ({"function": "rmx.scorers.verifiers:regex", "seconds": 0}, "scorer.verifier: seconds must be above 0"),
    ],
)
def test_what_may_not_or_cannot_run_is_one_line(node: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_kind({"kind": "verifier", **node}, where="scorer.verifier").load(AROUND)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_function_that_asks_for_what_no_text_brings_is_refused_before_the_first_text() -> None:
    node = {"kind": "verifier", "function": "rmx.scorers.verifiers:exact_match"}
    with pytest.raises(ConfigError, match=r"missing a required argument: 'reference'.*scorer\.verifier\.references"):
        build_kind(node, where="scorer.verifier").load(AROUND)


def test_matches_and_patterns() -> None:
    assert verifiers.exact_match([], "  Forty\nTWO ", "forty two")
    assert not verifiers.exact_match([], "forty-two", "forty two")
    assert verifiers.regex([], "so x = 3.", pattern=r"x = {reference}\.", reference="3")
    assert not verifiers.regex([], "so x = 3!", pattern=r"x = {reference}\.", reference="3")
    assert not verifiers.regex([], "x = 3", pattern="{reference}", reference="3.0|3")
    with pytest.raises(ValueError, match="pattern is missing"):
        verifiers.regex([], "x")


@pytest.mark.parametrize(
    ("completion", "passes"),
    [
        ("Here:\n```python\ndef add(a, b):\n    return a + b\n```\nDone.", True),
        ("def add(a, b): return a + b", True),
        ("def add(a, b): return a - b", False),
        ("def add(a, b):\n    while True: pass", False),
        ("x = bytearray(1 << 31)\ndef add(a, b): return a + b", False),
        ("import os\nassert 'SECRET' not in os.environ\ndef add(a, b): return a + b", True),
        ("def add(a, b: return", False),
        ("def add(a, b): return a - b\nif __name__ == '__main__':\n    exit()", False),
        ("import os\nos._exit(0)", False),
        ('def add(a, b): return a + b\n"""', False),
    ],
)
def test_code_is_run_against_its_tests(completion: str, passes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    assert verifiers.unit_test([], completion, "assert add(2, 3) == 5", seconds=2) is passes
