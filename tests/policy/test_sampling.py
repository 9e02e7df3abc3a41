"""The file that sampling writes: reproducible, resumable after a kill, read by slices of samples as it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rmx.config.load import compose_config
from rmx.config.schema import DataConfig
from rmx.data.slices import build_slice
from rmx.errors import ConfigError, DataError
from rmx.run.sample_file import sample_file

PROMPTS: list[dict[str, Any]] = [
    {"id": f"p{i}", "prompt": f"Question {i}?" if i % 2 else [{"role": "user", "content": f"Ask {i} " * i + "?"}]}
    for i in range(7)
]
JOB = ["model=tiny-random", "sample.n=3", "sample.max_new_tokens=6", "sample.batch=4", "trainer.threads=1", "seed=5"]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def sampled(source: Path, target: Path, *overrides: str) -> list[dict[str, Any]]:
    arguments = [*JOB, f"input={source}", f"output={target}", *overrides]
    assert sample_file(compose_config("sample", arguments, run=target.parent / "run")) == 0
    return lines(target)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jsonl(tmp_path_factory.mktemp("prompts") / "prompts.jsonl", PROMPTS)


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("whole") / "samples.jsonl"
    sampled(source, target)
    return target


def test_every_prompt_gets_its_completions_and_what_reproduces_them(whole: Path) -> None:
    found = lines(whole)
    assert [(row["id"], row["prompt"]) for row in found] == [(row["id"], row["prompt"]) for row in PROMPTS]
    for row in found:
        assert len(row["completions"]) == len(row["finished"]) == 3
        assert len(set(row["completions"])) == 3
        assert not any("<|" in text for text in row["completions"])
    facts = found[0]["sampling"]
    wanted = {"seed": 5, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 6, "model_type": "llama", "kind": "random"}
    assert wanted.items() <= facts.items()
    assert facts["engine"].startswith("transformers ")
    assert all(facts[key] for key in ("tokenizer_hash", "template_hash"))


def test_completions_depend_on_seed_and_id_not_on_batches_order_or_number(
    source: Path, whole: Path, tmp_path: Path
) -> None:
    before = {row["id"]: row["completions"] for row in lines(whole)}
    others = jsonl(tmp_path / "others.jsonl", [*PROMPTS[4:], *PROMPTS[:2]])
    more = sampled(others, tmp_path / "more.jsonl", "sample.n=5", "sample.batch=64")
    assert {row["id"]: row["completions"][:3] for row in more} == {row["id"]: before[row["id"]] for row in more}
    again = sampled(jsonl(tmp_path / "one.jsonl", PROMPTS[:1]), tmp_path / "again.jsonl", "seed=6")
    assert not set(again[0]["completions"]) & set(before["p0"])


def test_a_killed_sampling_goes_on_to_the_same_file(
    source: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "samples.jsonl"
    partial = tmp_path / "samples.jsonl.partial"
    command = [sys.executable, "-m", "rmx.sample", *JOB, f"input={source}", f"output={target}"]
    # A pause before every batch, so that the kill meets it in the middle.
    slow = "import time, rmx.policy.transformers_engine as e; d = e.TransformersEngine.draw\n"
    slow += "def draw(*a):\n    time.sleep(0.3)\n    return d(*a)\ne.TransformersEngine.draw = draw\n"
    slow += f"import sys; sys.argv = {command[2:]!r}; import rmx.sample; rmx.sample.main()"
    process = subprocess.Popen([sys.executable, "-c", slow], cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (partial.exists() and len(lines(partial)) >= 2):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    written = len(lines(partial))
    assert 2 <= written < len(PROMPTS)
    partial.write_bytes(partial.read_bytes() + b'{"id": "p')
    sampled(source, target)
    assert target.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.partial*"))


def test_a_partial_output_of_another_seed_is_not_continued(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "samples.jsonl"
    twice = jsonl(tmp_path / "twice.jsonl", [*PROMPTS, PROMPTS[3]])
    with pytest.raises(DataError, match=r"row 8: id 'p3' stands in row 4 too; give every prompt once"):
        sampled(twice, target)
    for other in ("seed=6", "sample.n=4"):
        with pytest.raises(DataError, match="was begun with another policy, seed or sampling"):
            sampled(twice, target, other)
    with pytest.raises(DataError, match="was begun with another input"):
        sampled(source, target)


def test_what_cannot_be_asked_stays_with_its_reason_and_the_rest_is_a_slice(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Has no id.", "group": "g"},
        {"id": 2, "prompt": "Says <|im_end|> itself."},
        {"id": 3, "prompt": "word " * 9000},
    ]
    target = tmp_path / "samples.jsonl"
    found = sampled(jsonl(tmp_path / "prompts.jsonl", rows), target)
    assert len(found[0]["id"]) == 20
    assert found[0]["group"] == "g"
    assert [row.get("reason", "").partition(":")[0] for row in found] == ["", "invalid_text", "over_length"]
    assert [row["completions"] for row in found[1:]] == [None, None]

    built = build_slice("samples", {"path": str(target)}, None, DataConfig(format="pairs", path="none.jsonl"))
    (one,) = built.samples
    assert list(one.completions) == found[0]["completions"]
    assert (one.group, built.available) == ("g", 3)
    assert [(r.reason, r.origin.row) for r in built.rejections] == [("invalid_text", 2), ("over_length", 3)]


def test_it_says_what_it_needs(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"input: missing value; give a file of prompts, or a finished run"):
        compose_config("sample", ["output=o"], run=tmp_path)
    with pytest.raises(ConfigError, match=r"sample.max_new_tokens: 9,000 leave no room for a prompt"):
        sampled(source, tmp_path / "s.jsonl", "sample.max_new_tokens=9000")
    with pytest.raises(ConfigError, match=r"sample.top_p: 0.0 is out of range; give above 0 and at most 1"):
        compose_config("sample", ["input=i", "output=o", "sample.top_p=0.0"], run=tmp_path)
