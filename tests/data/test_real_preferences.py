"""Real preference data: every row accounted for, and the dirt recounted from the raw rows by other means."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from rmx.config.schema import DataConfig
from rmx.data.prepare import Prepared, prepare
from rmx.data.slices import build_slice

pytestmark = pytest.mark.real_data

FILES = {
    "hh": "hh-harmless/pairs.jsonl.gz",
    "alpaca_eval": "alpaca-eval/comparisons.jsonl.gz",
    "pandalm": "pandalm/annotations.jsonl.gz",
    "auto_j": "auto-j/comparisons.jsonl.gz",
    "llmbar": "llmbar/*.jsonl.gz",
}


@pytest.fixture
def source(repository, shared_data):
    def configure(name: str, **changes) -> DataConfig:
        text = (repository / "conf" / "data" / f"{name}.yaml").read_text()
        return DataConfig(**{**yaml.safe_load(text), "path": str(shared_data / FILES[name]), **changes})

    return configure


def raw(data: DataConfig) -> list[dict]:
    folder, pattern = Path(data.path).parent, Path(data.path).name
    return [
        json.loads(line) for file in sorted(folder.glob(pattern)) for line in gzip.open(file, "rt", encoding="utf-8")
    ]


def check(prepared: Prepared, rows: list[dict]) -> None:
    """What holds of all: everything accounted for, nothing shared with train, groups whole."""
    ledger = prepared.ledger
    assert ledger.rows_in == ledger.comparisons_in == len(rows)
    assert ledger.balances
    places: dict[str, set[str]] = {}
    prompts: dict[str, set[str]] = {}
    for split, pairs in prepared.splits.items():
        for pair in pairs:
            places.setdefault(pair.group, set()).add(split)
            first = next(m.content for m in pair.prompt if m.role == "user")
            prompts.setdefault(" ".join(first.lower().split()), set()).add(split)
    assert all("train" not in splits or len(splits) == 1 for splits in (*places.values(), *prompts.values()))
    assert ledger.to_json()["overlap"]["pairs"] == 0


def test_hh(source):
    data = source("hh")
    rows, prepared = raw(data), prepare(data)
    check(prepared, rows)
    mismatched = empty = nonalternating = 0
    for row in rows:
        sides = [re.split(r"\n\n(Human|Assistant):", row[k])[1:] for k in ("chosen", "rejected")]
        if sides[0][:-1] != sides[1][:-1]:
            mismatched += 1
        elif any(a == b for a, b in zip(sides[0][::2], sides[0][2::2], strict=False)):
            nonalternating += 1
        elif not all(s[-1].strip() for s in sides):
            empty += 1
    assert prepared.ledger.rejected == {
        "context_mismatch": mismatched,
        "malformed_dialogue": nonalternating,
        "empty_completion": empty,
    }
    assert (mismatched, nonalternating, empty) == (5, 3, 2)
    # Published for HH-harmless: shorter wins in about 55.5%.
    assert prepared.ledger.to_json()["effects"]["kept"]["chosen_longer"] == pytest.approx(0.445, abs=0.01)


def test_alpaca_eval(source):
    data = source("alpaca_eval")
    rows, prepared = raw(data), prepare(data)
    check(prepared, rows)
    rejected = prepared.ledger.rejected
    assert rejected["tie_or_abstention"] == sum(r["preference"] in (0, None) for r in rows) == 109
    assert rejected["unknown_label"] == sum(r["preference"] == 1.5 for r in rows) == 4
    decided = [r for r in rows if r["preference"] in (1, 2)]
    assert rejected["empty_completion"] == sum(
        not (r["response_1"].strip() and r["response_2"].strip()) for r in decided
    )
    # Two models may give one answer: the same comparison twice, or with the opposite label.
    seen: Counter = Counter()
    for r in decided:
        a, b = " ".join(r["response_1"].split()), " ".join(r["response_2"].split())
        if a and b and a != b:
            seen[r["prompt"], *((a, b) if r["preference"] == 1 else (b, a))] += 1
    assert rejected["duplicate_pair"] == pytest.approx(sum(n - 1 for n in seen.values()), abs=3)
    contradicted = sum(1 for p, a, b in seen if (p, b, a) in seen)
    assert prepared.ledger.review == {"contradiction": contradicted}
    assert max(Counter(p.group for ps in prepared.splits.values() for p in ps).values()) <= 0.02 * len(rows)
    assert all(p.label_source == "model" for p in prepared.splits["train"])
    assert {p.tags["chosen_policy"] for p in prepared.splits["train"]} >= {"text_davinci_003"}


def test_pandalm(source):
    data = source("pandalm")
    rows, prepared = raw(data), prepare(data)
    check(prepared, rows)
    usable, votes = [], Counter()
    for row in rows:
        cast = tuple(sorted(row[f"annotator{k}"] for k in (1, 2, 3)))
        if not isinstance(row["response1"], str) or not isinstance(row["response2"], str):
            votes["not text"] += 1
        elif cast == (0, 0, 0):
            votes["tie"] += 1
        elif not row["response1"].strip() or not row["response2"].strip():
            votes["empty"] += 1
        else:
            usable.append(cast)
    rejected = prepared.ledger.rejected
    assert rejected["invalid_text"] == votes["not text"] == 6
    assert rejected["tie_or_abstention"] == votes["tie"] == 85
    assert rejected["empty_completion"] == votes["empty"] == 53
    assert prepared.ledger.kept + len(prepared.review) + rejected["duplicate_pair"] == len(usable)
    # Unanimous by default: three equal votes train, anything else goes to a person.
    assert {p.votes for name in ("train", "validation", "heldout") for p in prepared.splits[name]} == {(3, 0, 0)}
    assert {p.votes for p in prepared.review} <= {(2, 1, 0), (2, 0, 1), (1, 0, 2)}
    held_out = prepare(source("pandalm", annotators="hold_out"))
    disputed = build_slice("disputed", {}, held_out, data)
    assert disputed.overlap is not None
    assert disputed.overlap.pairs == 0
    assert len(disputed.pairs) + len(held_out.review) == len(prepared.review)


def test_auto_j(source):
    data = source("auto_j")
    rows, prepared = raw(data), prepare(data)
    check(prepared, rows)
    assert prepared.ledger.rejected["tie_or_abstention"] == sum(r["label"] == 2 for r in rows) == 373
    assert len({p.tags["scenario"] for ps in prepared.splits.values() for p in ps}) > 50
    oriented = {(r["prompt"], r["response 1"] if r["label"] == 0 else r["response 2"]) for r in rows if r["label"] != 2}
    assert {(p.prompt[0].content, p.chosen) for p in prepared.splits["train"]} <= oriented


def test_llmbar(source):
    data = source("llmbar")
    rows, prepared = raw(data), prepare(data)
    check(prepared, rows)
    assert prepared.ledger.kept == len(rows) == 419
    files = Counter(p.tags["file"] for ps in prepared.splits.values() for p in ps)
    assert files == {
        "natural": 100,
        "adversarial-neighbor": 134,
        "adversarial-gptinst": 92,
        "adversarial-gptout": 47,
        "adversarial-manual": 46,
    }


def test_llmbar_slice_on_a_run_of_hh(repository, shared_data, source):
    spec = yaml.safe_load((repository / "conf" / "slice" / "llmbar.yaml").read_text())["llmbar"]
    spec["data"]["path"] = str(shared_data / FILES["llmbar"])
    spec["where"] = {"tags": {"file": ["natural"]}}
    data = source("hh")
    built = build_slice("llmbar", spec, prepare(data), data)
    assert (len(built.pairs), built.available) == (100, 419)
    assert built.overlap is not None
    assert built.overlap.pairs == 0


def test_row_random_leaks_what_grouping_keeps_apart(source):
    data = source("alpaca_eval")
    data.split.mode = "row_random"
    overlap = prepare(data).ledger.overlap["heldout"]
    # 685 prompts with 24 answers each: hardly a held-out pair whose prompt is not trained on.
    assert overlap.pairs > 2000
    assert overlap.prompts > 600
