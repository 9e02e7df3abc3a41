"""Every slice of real data: composed as a user would, built, and recounted from the raw rows by other means."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from rmx.config.load import compose_config
from rmx.data.prepare import prepare
from rmx.data.slices import Slice, build_slice
from rmx.scorers.slice_texts import collect_texts

pytestmark = pytest.mark.real_data

FILES = {
    "rm_bench": "rm-bench/*.jsonl.gz",
    "pandalm_unanimous": "pandalm/annotations.jsonl.gz",
    "pandalm_split": "pandalm/annotations.jsonl.gz",
    "auto_j": "auto-j/comparisons.jsonl.gz",
    "auto_j_ties": "auto-j/comparisons.jsonl.gz",
    "weak_to_strong": "alpaca-eval/comparisons.jsonl.gz",
}


def built(name: str, shared_data: Path, run: Path, *more: str) -> Slice:
    path = f"slice.{name}.data.path='{shared_data / FILES[name]}'"
    config = compose_config("train", [f"slice={name}", path, "recipe=none", *more], run=run)
    return build_slice(name, config.slice[name], None, config.data)


def raw(shared_data: Path, name: str) -> list[dict]:
    file = shared_data / FILES[name]
    files = sorted(file.parent.glob(file.name))
    return [json.loads(line) for path in files for line in gzip.open(path, "rt", encoding="utf-8")]


def test_rm_bench(shared_data: Path, tmp_path: Path) -> None:
    found = built("rm_bench", shared_data, tmp_path)
    rows = raw(shared_data, "rm_bench")
    assert len(rows) == 286
    assert found.ledger is not None
    assert found.ledger.rejected == {}
    assert found.available == len(found.pairs) == found.ledger.comparisons_in == 9 * 286
    cells = Counter((p.tags["domain"], p.tags["style_chosen"], p.tags["style_rejected"]) for p in found.pairs)
    assert len(cells) == 2 * 9
    assert {(domain, n) for (domain, _, _), n in cells.items()} == {("chat", 129), ("safety", 157)}
    # Nine comparisons, six texts: each is scored once.
    texts = {(row["prompt"], text) for row in rows for side in ("chosen", "rejected") for text in row[side]}
    scored = collect_texts("rm_bench", found.pairs).candidates
    assert {(c.prompt[0].content, c.completion) for c in scored} == texts
    assert len(scored) == len(texts) < 6 * 286


def test_pandalm_bands(shared_data: Path, tmp_path: Path) -> None:
    votes: Counter = Counter()
    seen = set()
    for row in raw(shared_data, "pandalm_split"):
        cast = Counter(row[f"annotator{k}"] for k in (1, 2, 3))
        texts = row["response1"], row["response2"]
        if not all(isinstance(t, str) and t.strip() for t in texts) or cast[1] == cast[2]:
            continue
        # Some comparisons were annotated twice: the first counts.
        won = tuple(" ".join(t.split()) for t in (texts if cast[1] > cast[2] else texts[::-1]))
        if (row["instruction"], row["input"], won) not in seen:
            seen.add((row["instruction"], row["input"], won))
            votes[max(cast[1], cast[2]), min(cast[1], cast[2]), cast[0]] += 1
    unanimous, split = (built(f"pandalm_{band}", shared_data, tmp_path) for band in ("unanimous", "split"))
    found = Counter(p.votes for band in (unanimous, split) for p in band.pairs)
    assert set(found) == set(votes)
    assert all(0.97 * n <= found[kind] <= n for kind, n in votes.items())
    assert {p.votes for p in unanimous.pairs} == {(3, 0, 0)}
    assert {p.agreement for p in split.pairs} == {2 / 3, 1 / 3}
    assert {p.label_source for p in split.pairs} == {"human"}


def test_auto_j_scenarios_and_ties(shared_data: Path, tmp_path: Path) -> None:
    rows = raw(shared_data, "auto_j")
    labels = Counter(row["label"] for row in rows)
    everything, ties = built("auto_j", shared_data, tmp_path), built("auto_j_ties", shared_data, tmp_path)
    assert 0.97 * (labels[0] + labels[1]) <= len(everything.pairs) <= labels[0] + labels[1]
    assert 0.97 * labels[2] <= len(ties.pairs) <= labels[2] == 373
    firsts = {(row["prompt"], row["response 1"]) for row in rows if row["label"] == 2}
    assert {(p.prompt[0].content, p.chosen) for p in ties.pairs} <= firsts
    code = ["code_generation", "explaining_code"]
    some = built("auto_j", shared_data, tmp_path, f"slice.auto_j.where.tags.scenario=[{','.join(code)}]")
    assert Counter(p.tags["scenario"] for p in some.pairs) == Counter(
        p.tags["scenario"] for p in everything.pairs if p.tags["scenario"] in code
    )
    assert {p.tags["scenario"] for p in some.pairs} == set(code)


def test_weak_to_strong(shared_data: Path, tmp_path: Path) -> None:
    found = built("weak_to_strong", shared_data, tmp_path)
    wins: dict[str, list[bool]] = {}
    for row in raw(shared_data, "weak_to_strong"):
        for side in (1, 2):
            if row[f"generator_{side}"] != "text_davinci_003" and row["preference"] in (1, 2):
                wins.setdefault(row[f"generator_{side}"], []).append(row["preference"] == side)
    strong = {policy for policy, won in wins.items() if sum(won) / len(won) > 0.8}
    policies = Counter(p.tags[f"{side}_policy"] for p in found.pairs for side in ("chosen", "rejected"))
    assert policies.keys() == strong | {"text_davinci_003"}
    assert policies["text_davinci_003"] == len(found.pairs)
    assert all(0.95 * len(wins[policy]) <= policies[policy] <= len(wins[policy]) for policy in strong)


def test_length_reversed(shared_data: Path, tmp_path: Path) -> None:
    overrides = ["slice=length_reversed", "data=hh", f"data.path='{shared_data / 'hh-harmless/pairs.jsonl.gz'}'"]
    config = compose_config("train", overrides, run=tmp_path)
    prepared = prepare(config.data)
    found = build_slice("length_reversed", config.slice["length_reversed"], prepared, config.data)
    heldout = prepared.splits["heldout"]
    assert list(found.pairs) == [p for p in heldout if len(p.chosen) < len(p.rejected)]
    # HH-harmless: the longer side loses a little more often than not.
    assert 0.45 < len(found.pairs) / len(heldout) < 0.65
