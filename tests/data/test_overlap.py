import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.overlap import SplitRow, count_overlap, split_fingerprint, verify_split
from rmx.data.prepare import prepare
from rmx.errors import DataError


@pytest.fixture
def rows_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    with path.open("w") as stream:
        for k in range(300):
            prompt = f"Question number {k % 100}"
            stream.write(json.dumps({"prompt": prompt, "chosen": f"yes {k}", "rejected": f"no {k}"}) + "\n")
    return path


def test_overlap_by_counting():
    rng = random.Random(1)
    rows = [
        SplitRow(
            f"p{k}", f"g{rng.randrange(30)}", rng.choice(["train", "heldout", "disputed"]), f"h{rng.randrange(40)}"
        )
        for k in range(80)
    ]
    train = [r for r in rows if r.split == "train"]
    overlap = count_overlap(rows)
    for split in ("heldout", "disputed"):
        others = [r for r in rows if r.split == split]
        assert overlap[split].pairs == sum(
            any(r.prompt == t.prompt or r.group == t.group for t in train) for r in others
        )
        assert overlap[split].prompts == len({r.prompt for r in others for t in train if r.prompt == t.prompt})
        assert overlap[split].groups == len({r.group for r in others for t in train if r.group == t.group})
    assert split_fingerprint(rows) == split_fingerprint(rng.sample(rows, len(rows)))
    assert split_fingerprint(rows) != split_fingerprint(rows[1:])


def test_a_grouped_split_shares_nothing_and_verifies_at_load(tmp_path, rows_file):
    prepared = prepare(DataConfig(path=str(rows_file), format="pairs"))
    assert all(o.pairs == 0 for o in prepared.ledger.overlap.values())
    prepared.write(tmp_path / "data")
    assert verify_split(tmp_path / "data") == prepared.ledger.overlap


def test_a_row_random_split_counts_its_leak_honestly(tmp_path, rows_file):
    split = SplitConfig(mode="row_random", validation=0.0, heldout=0.3)
    prepared = prepare(DataConfig(path=str(rows_file), format="pairs", split=split))
    in_train = {p.prompt for p in prepared.splits["train"]}
    leaked = sum(p.prompt in in_train for p in prepared.splits["heldout"])
    assert leaked > 0
    assert prepared.ledger.overlap["heldout"].pairs == leaked
    assert prepared.ledger.to_json()["overlap"]["pairs"] == leaked
    prepared.write(tmp_path / "data")
    assert verify_split(tmp_path / "data")["heldout"].pairs == leaked


def move_to_train(directory, *, and_ledger: bool):
    table = pq.read_table(directory / "split.parquet").to_pydict()
    k = table["split"].index("heldout")
    table["split"][k] = "train"
    pq.write_table(pa.table(table), directory / "split.parquet")
    if and_ledger:
        rows = [SplitRow(*cells) for cells in zip(*(table[f] for f in SplitRow._fields), strict=True)]
        ledger = json.loads((directory / "ledger.json").read_text())
        ledger["split_fingerprint"] = split_fingerprint(rows)
        (directory / "ledger.json").write_text(json.dumps(ledger))


@pytest.mark.parametrize(("and_ledger", "says"), [(False, "is not the split that"), (True, "records another overlap")])
def test_an_edited_split_is_refused(tmp_path, rows_file, and_ledger, says):
    directory = tmp_path / "data"
    prepare(DataConfig(path=str(rows_file), format="pairs")).write(directory)
    move_to_train(directory, and_ledger=and_ledger)
    with pytest.raises(DataError, match=says):
        verify_split(directory)


def test_a_grouped_split_that_leaks_is_refused_even_if_its_ledger_agrees(tmp_path, rows_file):
    directory = tmp_path / "data"
    prepare(DataConfig(path=str(rows_file), format="pairs")).write(directory)
    move_to_train(directory, and_ledger=True)
    table = pq.read_table(directory / "split.parquet").to_pydict()
    rows = [SplitRow(*cells) for cells in zip(*(table[f] for f in SplitRow._fields), strict=True)]
    ledger = json.loads((directory / "ledger.json").read_text())
    ledger["overlap"]["by_split"] = {
        k: {"pairs": o.pairs, "prompts": o.prompts, "groups": o.groups} for k, o in count_overlap(rows).items()
    }
    (directory / "ledger.json").write_text(json.dumps(ledger))
    with pytest.raises(DataError, match="share prompts with train"):
        verify_split(directory)


def test_a_directory_without_a_split_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no readable ledger\.json"):
        verify_split(tmp_path)
