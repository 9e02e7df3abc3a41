"""A stream is read once, in order, and no further than the run needs; what it becomes is what those rows become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data import sources as sources_module
from rmx.data.prepare import prepare
from rmx.data.stream import Need
from rmx.data.summary import summarise
from rmx.domain import Origin
from rmx.errors import ConfigError, DataError

COMMIT = "09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa"


def rows(n: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"prompt": f"Question {k} of a long list of questions?", "chosen": f"good {k}", "rejected": f"bad {k}"}
        for k in range(start, n)
    ]


def write(path: Path, lines: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def everything_fits(pairs: Any) -> set[str]:
    return set()


def need(steps: int, pairs: int = 8, unreadable: Any = everything_fits) -> Need:
    return Need(steps, pairs, unreadable)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Origin]:
    """The origin of every row that was read."""
    seen: list[Origin] = []
    plain = sources_module.file_rows

    def reading(file: Path) -> Iterator[Any]:
        for origin, row in plain(file):
            seen.append(origin)
            yield origin, row

    monkeypatch.setattr(sources_module, "file_rows", reading)
    return seen


def test_rows_are_read_once_in_order_and_only_as_many_as_are_needed(tmp_path: Path, counted: list[Origin]) -> None:
    files = [write(tmp_path / f"{n}.jsonl", rows(100 * (n + 1), 100 * n)) for n in range(5)]
    data = DataConfig(path=files, stream=True, split=SplitConfig(validation=0.1, heldout=0.2))
    prepared = prepare(data, need=need(10))
    ledger = prepared.ledger
    assert ledger.splits["train"] == 80
    assert len(counted) == ledger.rows_in
    # About 30% are held out, and nothing behind the last pair that is needed is touched.
    assert 90 <= ledger.rows_in <= 140
    assert [o.row for o in counted] == [*range(1, 101), *range(1, ledger.rows_in - 99)]
    assert prepared.splits["train"][-1].origin == counted[-1]
    assert ledger.splits["validation"] > 0
    assert ledger.splits["heldout"] > 0
    assert ledger.to_json()["stream"] == {"rows_read": ledger.rows_in, "read_for": 80}


def test_what_was_read_is_what_the_same_rows_are_without_a_stream(tmp_path: Path) -> None:
    # Duplicates, contradictions and ties of the rules lie in the way.
    dirty = rows(400)
    dirty[20] = dict(dirty[3])
    dirty[21] = {"prompt": dirty[4]["prompt"], "chosen": "bad 4", "rejected": "good 4"}
    dirty[22]["chosen"] = " "
    path = write(tmp_path / "rows.jsonl", dirty)
    data = DataConfig(path=path, stream=True)
    streamed = prepare(data, need=need(20))
    assert streamed.ledger.splits["train"] == 160
    whole = prepare(DataConfig(path=path, near_duplicates=False, limit=streamed.ledger.rows_in))
    assert streamed.splits == whole.splits
    assert streamed.rejections == whole.rejections
    assert streamed.review == whole.review
    assert streamed.ledger.rejected == {"duplicate_pair": 1, "empty_completion": 1}
    assert streamed.ledger.review == {"contradiction": 2}


def test_near_duplicates_are_not_searched_and_that_is_said(tmp_path: Path) -> None:
    near = [
        {**row, "prompt": " ".join(f"{word}{k}" for word in "abcdefghi") + f" {last}"}
        for k, row in enumerate(rows(200))
        for last in ("now", "soon")
    ]
    path = write(tmp_path / "rows.jsonl", near)
    assert prepare(DataConfig(path=path)).ledger.near_duplicates.links > 100
    ledger = prepare(DataConfig(path=path, stream=True), need=need(10)).ledger
    assert ledger.near_duplicates.links == 0
    assert ledger.to_json()["near_duplicates"]["searched"] is False
    (warning,) = ledger.warnings
    assert "near-duplicate prompts were not looked for" in warning
    assert "equal prompts and given groups alone" in warning
    text = summarise(ledger)
    assert "near-duplicate prompts: not searched" in text
    assert f"stream: read for 80 train pairs, which took {ledger.rows_in} rows" in text
    # So is it where a user leaves them out.
    assert "not searched" in summarise(prepare(DataConfig(path=path, near_duplicates=False)).ledger)


def test_pairs_that_the_model_cannot_read_are_made_up_for(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows(600))
    asked: list[str] = []

    def every_third(pairs: Any) -> set[str]:
        asked.extend(p.pair_id for p in pairs)
        return {p.pair_id for p in pairs if int(p.chosen.split()[1]) % 3 == 0}

    prepared = prepare(DataConfig(path=path, stream=True), need=need(25, unreadable=every_third))
    train = prepared.splits["train"]
    assert sum(int(p.chosen.split()[1]) % 3 != 0 for p in train) == 200
    assert int(train[-1].chosen.split()[1]) % 3 != 0
    assert sorted(asked) == sorted(p.pair_id for p in train), "each is asked about once"


def test_the_fingerprint_is_of_the_rows_that_were_read(tmp_path: Path) -> None:
    def fingerprint(lines: list[dict[str, Any]], name: str = "rows.jsonl", steps: int = 10, **more: Any) -> str:
        path = write(tmp_path / name, lines)
        return prepare(DataConfig(path=path, stream=True, **more), need=need(steps)).fingerprint

    plain = fingerprint(rows(300))
    assert plain == fingerprint(rows(300)) == fingerprint(rows(250), "elsewhere.jsonl")
    changed = rows(300)
    changed[40]["chosen"] += "!"
    assert len({plain, fingerprint(changed), fingerprint(rows(300), steps=11)}) == 3
    assert fingerprint(rows(300), near_duplicate_jaccard=0.7) != plain
    # Shards are one stream, however they are cut.
    parquet = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows(300)), parquet)
    assert prepare(DataConfig(path=str(parquet), stream=True), need=need(10)).fingerprint == plain


def test_a_stream_that_ends_too_early_says_how_far_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows(100))
    data = DataConfig(path=path, stream=True)
    with pytest.raises(DataError) as caught:
        prepare(data, need=need(50))
    message = str(caught.value)
    assert message.startswith("the stream ended after 100 rows with ")
    assert "of the 400 that trainer.max_steps=50 with batch.pairs=8 take; give trainer.max_steps=" in message
    steps = int(message.partition("give trainer.max_steps=")[2].partition(",")[0])
    assert prepare(data, need=need(steps)).ledger.splits["train"] == 8 * steps
    with pytest.raises(DataError, match="ended after 100 rows"):
        prepare(data, need=need(steps + 1))
    with pytest.raises(DataError, match="ended after 30 rows"):
        prepare(replace(data, limit=30), need=need(steps))


def test_a_stream_of_defects_is_not_read_to_its_end(tmp_path: Path, counted: list[Origin]) -> None:
    path = write(tmp_path / "rows.jsonl", [{**row, "chosen": ""} for row in rows(5000)])
    with pytest.raises(DataError, match="1,000 for empty_completion"):
        prepare(DataConfig(path=path, stream=True), need=need(50))
    assert len(counted) == 1000
    path = write(tmp_path / "long.jsonl", rows(5000))
    with pytest.raises(DataError, match=r"data\.max_length: none of the first 1,\d\d\d train pairs fits"):
        prepare(DataConfig(path=path, stream=True), need=need(130, unreadable=lambda ps: [p.pair_id for p in ps]))


def test_prompts_that_come_one_after_the_other_are_no_error(tmp_path: Path) -> None:
    same = [{**row, "prompt": "Always the same question?"} for row in rows(40)]
    salt = next(s for s in "abcdefgh" if prepare_side(tmp_path, same, s) == "train")
    path = write(tmp_path / "rows.jsonl", same + rows(80))
    data = DataConfig(path=path, stream=True, split=SplitConfig(salt=salt))
    assert prepare(data, need=need(3)).ledger.splits["train"] == 24


def prepare_side(tmp_path: Path, same: list[dict[str, Any]], salt: str) -> str:
    whole = prepare(DataConfig(path=write(tmp_path / "s.jsonl", same[:1] + rows(90)), split=SplitConfig(salt=salt)))
    return next(n for n, pairs in whole.splits.items() for p in pairs if p.prompt[0].content.startswith("Always"))


def test_each_source_of_a_mixture_is_read_for_its_part(tmp_path: Path, counted: list[Origin]) -> None:
    paths = {name: write(tmp_path / f"{name}.jsonl", rows(n, n - 500)) for name, n in (("a", 500), ("b", 1000))}
    sources = {"a": {"path": paths["a"], "weight": 3}, "b": {"path": paths["b"], "weight": 1}}
    prepared = prepare(DataConfig(sources=sources, stream=True), need=need(20))
    accounts = prepared.ledger.accounts
    assert {name: account.splits["train"] for name, account in accounts.items()} == {"a": 120, "b": 40}
    assert sum(account.rows_in for account in accounts.values()) == len(counted) < 250
    assert prepared.ledger.balances
    with pytest.raises(
        DataError, match=r"^data\.sources\.a: the stream ended after 500 rows .* give trainer\.max_steps=\d\d,"
    ):
        prepare(DataConfig(sources=sources, stream=True), need=need(100))


def test_where_nothing_is_trained_a_stream_has_no_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.stream: only training reads a stream"):
        prepare(DataConfig(path=write(tmp_path / "rows.jsonl", rows(9)), stream=True))


def test_a_hub_data_set_is_streamed_at_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SimpleNamespace(taken=0)

    def generate() -> Iterator[dict[str, Any]]:
        for row in rows(100_000):
            asked.taken += 1
            yield row

    def load(hub: str, **options: Any) -> Any:
        asked.options = options
        return datasets.IterableDataset.from_generator(generate)

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(
        huggingface_hub.HfApi, "dataset_info", lambda self, hub, revision=None: SimpleNamespace(sha=COMMIT)
    )
    prepared = prepare(DataConfig(hub="x/y", revision="main", stream=True), need=need(10))
    assert asked.options == {"split": "train", "revision": COMMIT, "streaming": True}
    assert prepared.ledger.source["revision"] == COMMIT
    assert prepared.ledger.splits["train"] == 80
    assert asked.taken <= prepared.ledger.rows_in + 1


def test_a_folder_of_files_is_streamed_as_datasets_reads_it(tmp_path: Path) -> None:
    write(tmp_path / "train-0.jsonl", rows(200))
    write(tmp_path / "train-1.jsonl", rows(400, 200))
    prepared = prepare(DataConfig(hub=str(tmp_path), stream=True), need=need(25))
    found = sorted(int(p.chosen.split()[1]) for members in prepared.splits.values() for p in members)
    assert found == list(range(prepared.ledger.rows_in))


def test_a_connection_that_breaks_is_one_line_with_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate() -> Iterator[dict[str, Any]]:
        yield from rows(30)
        raise ConnectionError("reset by peer\nand more")

    monkeypatch.setattr(
        datasets, "load_dataset", lambda hub, **options: datasets.IterableDataset.from_generator(generate)
    )
    monkeypatch.setattr(
        huggingface_hub.HfApi, "dataset_info", lambda self, hub, revision=None: SimpleNamespace(sha=COMMIT)
    )
    with pytest.raises(DataError, match=r"^x/y/train: cannot be read after row 30 \(ConnectionError: reset by peer\)"):
        prepare(DataConfig(hub="x/y", stream=True), need=need(10))
