from types import SimpleNamespace

import datasets
import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.prepare import prepare
from rmx.data.sources import read_rows
from rmx.errors import DataError

COMMIT = "09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa"


def test_without_network_one_line_names_the_data_set_and_the_way_round():
    data = DataConfig(name="hh", hub="Anthropic/hh-rlhf", subset="harmless-base", format="hh_dialogue")
    with pytest.raises(DataError) as caught:
        prepare(data)
    message = str(caught.value)
    assert "Anthropic/hh-rlhf (harmless-base)" in message
    assert "data.path" in message
    assert "\n" not in message


def test_rows_carry_the_resolved_commit_whatever_the_branch(monkeypatch):
    loaded = datasets.Dataset.from_list([{"chosen": "a", "rejected": "b"}] * 3)
    loaded.info.download_checksums = {f"hf://datasets/x/y@{COMMIT}/train.jsonl": {"num_bytes": 1, "checksum": None}}
    asked = SimpleNamespace()

    def load(hub, **options):
        asked.hub, asked.options = hub, options
        return loaded

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda hub, revision=None: ["default"])
    rows = read_rows(DataConfig(hub="x/y", subset="harmless-base", revision="main", limit=2))
    assert rows.resolved["revision"] == COMMIT
    assert COMMIT in rows.fingerprint
    # No configuration of that name: the subset is a directory of the data set.
    assert asked.options == {"split": "train", "revision": "main", "data_dir": "harmless-base"}
    read = list(rows)
    assert [origin.row for origin, _ in read] == [1, 2]
    assert read[0][1] == {"chosen": "a", "rejected": "b"}


def test_splits_joined_by_a_plus_are_read_in_turn_and_named(monkeypatch):
    splits = {
        name: datasets.Dataset.from_list([{"prompt": f"{name} {k}?", "chosen": "a", "rejected": "b"} for k in range(n)])
        for name, n in (("shp", 2), ("summarize", 3))
    }
    monkeypatch.setattr(datasets, "load_dataset", lambda hub, split, **options: splits[split])
    found = prepare(DataConfig(hub="x/y", hub_split="shp+summarize", split=SplitConfig(0.0, 0.0)))
    origins = [(pair.origin.file, pair.origin.row, pair.tags["file"]) for pair in found.splits["train"]]
    assert origins == [("x/y/shp", k, "shp") for k in (1, 2)] + [("x/y/summarize", k, "summarize") for k in (1, 2, 3)]
