"""Ties that are kept train and never judge; the ledger says where each went."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.prepare import data_fingerprint, prepare
from rmx.data.slices import build_slice
from rmx.data.sources import Rows, Source
from rmx.errors import ConfigError

LABELS = {"first": ["A"], "second": ["B"], "tie": ["="]}


def row(k, label, first="yes", second="no"):
    return {"q": f"Is statement number {k} of the list true", "a": f"{first} {k}", "b": f"{second} {k}", "l": label}


@pytest.fixture
def data(tmp_path):
    rows = [row(k, "AB="[k % 3]) for k in range(120)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    columns = {"prompt": "q", "first": "a", "second": "b", "label": "l"}
    split = SplitConfig(validation=0.2, heldout=0.2)
    return DataConfig(
        format="comparison", columns=columns, labels=LABELS, path=str(path), near_duplicates=False, split=split
    )


def test_ties_train_and_leave_what_is_held_out(data, tmp_path):
    rejecting, keeping = prepare(data), prepare(replace(data, ties="keep"), cache=tmp_path / "cache")
    assert rejecting.ledger.rejected == {"tie_or_abstention": 40}
    train = keeping.splits["train"]
    tied = [p for p in train if p.tied]
    assert 0 < len(tied) < 40
    assert keeping.ledger.rejected == {"tie_held_out": 40 - len(tied)}
    assert keeping.ledger.balances
    for name in ("validation", "heldout"):
        assert keeping.splits[name] == rejecting.splits[name]
        assert not any(p.tied for p in keeping.splits[name])
    assert [p for p in train if not p.tied] == list(rejecting.splits["train"])
    # What has no preferred side says nothing about lengths.
    assert keeping.ledger.effects["kept"].labelled == keeping.ledger.kept - len(tied)
    again = prepare(replace(data, ties="keep"), cache=tmp_path / "cache")
    assert again.splits == keeping.splits


def test_the_default_leaves_the_fingerprints_of_before_ties_could_be_kept():
    data = DataConfig(format="pairs", path="x")
    sources = (Source("", data, Rows("content", {}, list)),)
    assert data_fingerprint(data, sources) == "9e4f4b48d12dbaea42bf"
    assert data_fingerprint(replace(data, ties="keep"), sources) != "9e4f4b48d12dbaea42bf"


@pytest.mark.parametrize(
    ("second", "kept", "reasons", "review"),
    [
        (("=", "no", "yes"), 1, {"duplicate_pair": 1}, {}),
        (("=", "yes", "no"), 1, {"duplicate_pair": 1}, {}),
        (("A", "yes", "no"), 0, {}, {"contradiction": 2}),
        (("B", "yes", "no"), 0, {}, {"contradiction": 2}),
        (("A", "no", "yes"), 0, {}, {"contradiction": 2}),
    ],
)
def test_a_tie_is_the_same_in_either_order_and_contradicts_a_preference(data, second, kept, reasons, review):
    label, first_text, second_text = second
    rows = [row(1, "="), row(1, label, first_text, second_text), row(2, "A"), row(2, "A", "other", "words")]
    Path(data.path).write_text("".join(json.dumps(r) + "\n" for r in rows))
    prepared = prepare(replace(data, ties="keep", split=SplitConfig(validation=0.0, heldout=0.0)))
    assert sum(p.tied for p in prepared.splits["train"]) == kept
    assert prepared.ledger.rejected == reasons
    assert prepared.ledger.review == review


def test_a_slice_of_other_data_holds_no_ties(data):
    keep = replace(data, ties="keep")
    prepared = prepare(keep)
    built = build_slice("other", {"from": "data", "data": {"limit": 60}}, prepared, keep)
    assert len(built.pairs) == 40
    assert not any(p.tied for p in built.pairs)
    with pytest.raises(ConfigError, match=r"slice\.other\.data\.ties: a tie has no side to judge by"):
        build_slice("other", {"from": "data", "data": {"ties": "keep"}}, prepared, keep)
