"""A13: rows of the judged data copied into train are listed exactly, by the run's own way of data."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from slices import ask, scores

from rmx.audits.contamination import Contamination
from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.contamination.proof import prove_contamination
from rmx.data.prepare import prepare
from rmx.data.slices import build_slice
from rmx.worlds import WORLDS

AUDIT = Contamination(slices=("bench",), tolerance={"exact_count": (0, 0)})


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A world whose train split holds, besides its own rows, copies and near-copies of rows of another draw of it."""
    folder = tmp_path_factory.mktemp("leaks")
    rng = random.Random(0)
    bench = [_row(row) for row in WORLDS["access_desk"].rows({"pairs": 150, "pairs_per_prompt": 1, "start": 500_000})]
    train = [_row(row) for row in WORLDS["access_desk"].rows({"pairs": 400, "pairs_per_prompt": 1})]
    copied, near = bench[10:22], bench[40:47]
    train += [{**row, "id": f"copy-{row['id']}", "prompt": row["prompt"].upper()} for row in copied]
    for row in near:
        words = row["prompt"].split()
        words.insert(rng.randrange(len(words)), "furthermore")
        train.append({**row, "id": f"near-{row['id']}", "prompt": " ".join(words)})
    data = DataConfig(
        path=_write(folder / "train.jsonl", train),
        format="pairs",
        columns={"id": "id"},
        near_duplicate_jaccard=0.9,
        split=SplitConfig(validation=0.0, heldout=0.0),
    )
    prepared = prepare(data)
    assert len(prepared.splits["train"]) == len(train)
    built = build_slice("bench", {"from": "data", "data": {"path": _write(folder / "b.jsonl", bench)}}, prepared, data)
    written = prove_contamination(prepared, [built], data)
    written.write(folder / "data")
    return json.loads((folder / "data" / "ledger.json").read_text())


def _row(row: dict) -> dict:
    return {key: row[key] for key in ("id", "prompt", "chosen", "rejected")}


def _write(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_planted_copies_fail_and_are_listed_exactly(ledger: dict) -> None:
    results = {metric: r for (_, _, metric), r in ask(AUDIT, scores([1.0], slice="bench"), ledger=ledger).items()}
    exact = results["exact_count"]
    planted = [f"access_desk-0-{500_000 + k}-0" for k in range(10, 22)]
    assert (exact.estimate, exact.ci_low, exact.ci_high, exact.status) == (12, 12, 12, "FAIL")
    assert exact.detail["ids"] == exact.detail["same_pair"] == planted
    assert (exact.n_pairs, exact.alarm, exact.reason) == (150, True, "")


def test_planted_near_duplicates_are_listed_apart_from_copies(ledger: dict) -> None:
    results = {metric: r for (_, _, metric), r in ask(AUDIT, scores([1.0], slice="bench"), ledger=ledger).items()}
    near = set(results["near_count"].detail["ids"])
    planted = {f"access_desk-0-{500_000 + k}-0" for k in range(40, 47)}
    assert planted <= near
    assert len(near) <= len(planted) + 2  # requests of two draws may differ in one word by chance
    assert results["near_count"].status == "REPORTED"
    assert planted <= set(results["ngram_share"].detail["ids"])


def test_a_clean_slice_passes_at_exactly_nothing(ledger: dict) -> None:
    entry = ledger["contamination"]["by_slice"]["bench"]
    clean = {
        **entry,
        "counts": dict.fromkeys(entry["counts"], 0),
        "ids": {},
        "shares": dict.fromkeys(entry["shares"], 0),
    }
    result = ask(AUDIT, ledger={"contamination": {"by_slice": {"bench": clean}}})["bench", "model", "exact_count"]
    assert (result.status, result.estimate, result.alarm) == ("PASS", 0, False)


@pytest.mark.parametrize("given", [None, {}, {"contamination": None}, {"contamination": {"by_slice": {}}}])
def test_what_was_not_searched_is_not_provided(given: dict | None) -> None:
    results = ask(AUDIT, ledger=given)
    assert [metric for _, _, metric in results] == list(Contamination.metrics)
    assert {(r.status, r.reason, r.estimate) for r in results.values()} == {("INCONCLUSIVE", "not_provided", None)}


def test_a_kind_that_was_not_searched_is_not_zero(ledger: dict) -> None:
    entry = ledger["contamination"]["by_slice"]["bench"]
    partly = {**entry, "counts": {**entry["counts"], "near_prompt": None}}
    results = ask(AUDIT, ledger={"contamination": {"by_slice": {"bench": partly}}})
    assert results["bench", "model", "near_count"].reason == "not_provided"
    assert results["bench", "model", "exact_count"].status == "FAIL"
