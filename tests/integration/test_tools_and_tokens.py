"""Runs on what people bring besides plain texts: tool dialogues with scores as margins, and pairs of token ids."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

import rmx
from rmx.domain import Origin
from rmx.model.contract import Contract
from rmx.score_table import read_scores
from rmx.scorers.prompts import as_completion, as_prompt
from tool_templates import TOOLS

pytestmark = pytest.mark.slow

JOB = [
    "model=tiny-random",
    "model.terminal='<|im_end|>'",
    "batch.pairs=16",
    "optim.lr=3e-3",
    "trainer.max_steps=4",
    "trainer.threads=1",
    "slice=[]",
    "data.near_duplicates=false",
    "data.split.heldout=0.3",
]
CITIES = ["Bonn", "Köln", "Aachen", "Trier", "Mainz", "Kassel", "Ulm", "Jena"]
DECLARED = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def call(name: str, *overrides: str) -> None:
    arguments = [sys.executable, "-m", f"rmx.{name}", *overrides]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tool_rows(n: int) -> list[dict[str, Any]]:
    draw = random.Random(0)
    rows = []
    for k in range(n):
        city, other = draw.sample(CITIES, 2)
        good, bad = (
            {"role": "assistant", "content": None,
             "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": c, "day": k}}}]}
            for c in (city, other)
        )  # fmt: skip
        prompt = [{"role": "user", "content": f"Question {k}: will it rain in {city}?"}]
        rows.append(
            {"prompt": prompt, "chosen": [good], "rejected": [bad], "tools": DECLARED, "better": 3.0, "worse": k % 3}
        )
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def with_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools")
    template = folder / "tools.jinja"
    template.write_text(TOOLS + "{{ closing }}")
    call(
        "train",
        *JOB,
        "data=jsonl",
        f"data.path={write(folder / 'rows.jsonl', tool_rows(160))}",
        "data.columns.strength=[better,worse]",
        "loss.margin=strength",
        f"model.chat_template={template}",
        "model.template_args={enable_thinking: false, closing: ''}",
        f"hydra.run.dir={folder / 'run'}",
    )
    return folder / "run"


def test_a_run_on_tool_calls_scores_rows_with_tools_as_plain_transformers_renders_them(
    with_tools: Path, tmp_path: Path
) -> None:
    ledger = json.loads((with_tools / "data" / "ledger.json").read_text())
    assert (ledger["rows_in"], ledger["kept"]) == (160, 160)
    rows = tool_rows(160)
    judged = read_scores(with_tools / "scores" / "heldout.parquet")
    assert set(judged.table["strength"].to_pylist()) == {1.0, 2.0, 3.0}
    source = write(
        tmp_path / "rows.jsonl",
        [{"id": k, "prompt": r["prompt"], "completion": r["chosen"], "tools": r["tools"]} for k, r in enumerate(rows)],
    )
    call("score", f"reward={with_tools}", f"input={source}", f"output={tmp_path / 'out.jsonl'}")
    scored = [json.loads(line)["reward"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(set(scored)) > 100

    reward = rmx.load(with_tools)
    tokenizer = AutoTokenizer.from_pretrained(with_tools / "model")
    for row in rows[:5]:
        text = tokenizer.apply_chat_template([*row["prompt"], *row["chosen"]], tools=DECLARED, tokenize=False)
        prompt = [{"role": "tools", "content": DECLARED}, *row["prompt"]]
        assert text.count("weather") == 2
        assert text.endswith("<|im_end|>")
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        (mine,) = reward.score([prompt], row["chosen"])
        assert mine == pytest.approx(scored[rows.index(row)], abs=1e-4)
        given = {"prompt": prompt, "completion": row["chosen"]}
        pair = as_prompt(given, "prompt", Origin("r", 1)), as_completion(given, "completion", Origin("r", 1))
        assert reward.renderer.encode([pair]).ids(0).tolist() == ids
    # Without its tools it is another prompt, of another reward.
    assert reward.score([rows[0]["prompt"]], rows[0]["chosen"])[0] != pytest.approx(scored[0], abs=1e-6)


def test_template_arguments_travel_with_the_export(with_tools: Path) -> None:
    contract = Contract.read(with_tools / "model")
    assert contract.model["template_args"] == {"enable_thinking": False, "closing": ""}
    assert "enable_thinking = False" in (with_tools / "model" / "README.md").read_text()
    tokenizer = AutoTokenizer.from_pretrained(with_tools / "model")
    opened = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True, enable_thinking=True
    )
    assert opened.endswith("<think>\n\n</think>\n\n")


def test_a_run_on_token_ids_is_the_run_on_their_texts(tmp_path: Path, with_tools: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(with_tools / "model")
    rows = [
        {"prompt": f"Question {k}: which city?", "chosen": CITIES[k % 8], "rejected": f"Not {CITIES[k % 7]}, no."}
        for k in range(120)
    ]

    def ids(prompt: str, answer: str) -> list[int]:
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    tokens = [{f"{side}_ids": ids(r["prompt"], r[side]) for side in ("chosen", "rejected")} for r in rows]
    broken = [{"chosen_ids": [1, 2, 10**7], "rejected_ids": [1, 2]}, {"chosen_ids": [5, 6], "rejected_ids": [5, 7]}]
    run = tmp_path / "run"
    call(
        "train",
        *JOB,
        "data=token_ids",
        f"data.path={write(tmp_path / 'ids.jsonl', [*tokens, *broken])}",
        f"hydra.run.dir={run}",
    )
    ledger = json.loads((run / "data" / "ledger.json").read_text())
    assert (ledger["comparisons_in"], ledger["kept"], ledger["rejected"]) == (122, 120, {"invalid_token_ids": 2})
    judged = read_scores(run / "scores" / "heldout.parquet")
    columns = (judged.table[name].to_pylist() for name in ("prompt_tokens", "chosen_tokens"))
    assert {a + b for a, b in zip(*columns, strict=True)} <= {len(t["chosen_ids"]) for t in tokens}
    # Judged again by what was exported: same texts, same ids, same numbers.
    call("evaluate", f"reward={run}", "gate.enforce=false", f"hydra.run.dir={tmp_path / 'again'}")
    again = read_scores(tmp_path / "again" / "scores" / "heldout.parquet")
    mine, theirs = (
        dict(zip(*(t.table[name].to_pylist() for name in ("pair_id", "chosen_reward")), strict=True))
        for t in (judged, again)
    )
    assert theirs == pytest.approx(mine, abs=1e-4)
