"""The bad-input corpus of the data room: each fault ends in one line with the place and the remedy, nothing written."""

import gzip
import json
from pathlib import Path

import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.prepare import prepare
from rmx.errors import ConfigError, DataError, RunError

AB = {"columns": {"prompt": "q", "first": "a", "second": "b", "label": "l"}, "labels": {"first": [1], "second": [2]}}


def pairs(n: int) -> list[dict]:
    return [{"prompt": f"Question {k}", "chosen": f"good {k}", "rejected": f"bad {k}", "w": 1.0} for k in range(n)]


def lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def case(folder: Path, fault: str) -> DataConfig:
    """Write the bad input of one fault and return the configuration that reads it."""
    path = folder / "rows.jsonl"
    rows = pairs(40)
    data = DataConfig(path=str(path), format="pairs")
    match fault:
        case "missing file":
            return data
        case "truncated gzip":
            path = folder / "rows.jsonl.gz"
            path.write_bytes(gzip.compress(lines(rows))[:-40])
            data.path = str(path)
            return data
        case "cut last line":
            path.write_bytes(lines(rows)[:-15])
            return data
        case "invalid utf-8":
            path.write_bytes(lines(rows[:3]) + b'{"prompt": "\xff"}\n')
            return data
        case "empty file":
            path.write_bytes(b"")
            return data
        case "no rows":
            path.write_bytes(b"\n\n")
            return data
        case "wrong column":
            rows[4]["chosne"] = rows[4].pop("chosen")
        case "every cell of another kind":
            rows = [{**row, "chosen": 3} for row in rows]
        case "all identical":
            rows = [{**row, "rejected": row["chosen"] + " "} for row in rows]
        case "all ties":
            rows = [{"q": f"Q{k}", "a": "x", "b": "y", "l": 0} for k in range(20)]
            labels = {**AB["labels"], "tie": [0]}
            data = DataConfig(path=str(path), format="comparison", columns=AB["columns"], labels=labels)
        case "unknown labels":
            rows = [{"q": f"Q{k}", "a": "x", "b": "y", "l": "A>B"} for k in range(20)]
            data = DataConfig(path=str(path), format="comparison", **AB)
        case "nan weights":
            rows = [{**row, "w": float("nan")} for row in rows]
            data.columns = {"weight": "w"}
        case "duplicated ids":
            rows = [{**row, "id": k % 39} for k, row in enumerate(rows)]
            data.columns = {"id": "id"}
        case "null id":
            rows = [{**row, "id": None if k == 5 else k} for k, row in enumerate(rows)]
            data.columns = {"id": "id"}
        case "one group":
            rows = [{**row, "prompt": "The only question"} for row in rows]
        case "all votes undecided":
            rows = [{"q": f"Q{k}", "a": "x", "b": "y", "v": [1, 2]} for k in range(20)]
            columns = {"prompt": "q", "first": "a", "second": "b", "votes": "v"}
            data = DataConfig(path=str(path), format="votes", columns=columns, labels=AB["labels"])
        case "nothing to train on":
            rows = [{**row, "group": f"g{k % 2}"} for k, row in enumerate(rows)]
            data.columns = {"group": "group"}
            data.split = SplitConfig(validation=0.0, heldout=0.98)
    path.write_bytes(lines(rows))
    return data


FAULTS = {
    "missing file": (DataError, ["rows.jsonl: no such file", "data.path"]),
    "truncated gzip": (DataError, ["rows.jsonl.gz", "damaged or cut after line"]),
    "cut last line": (DataError, ["rows.jsonl line 40", "may be cut"]),
    "invalid utf-8": (DataError, ["rows.jsonl line 4", "UTF-8"]),
    "empty file": (DataError, ["rows.jsonl: is empty"]),
    "no rows": (DataError, ["hold no rows", "data.path"]),
    "wrong column": (DataError, ["rows.jsonl row 5", "no column 'chosen'", "prompt, rejected, w, chosne"]),
    "every cell of another kind": (DataError, ["40 for invalid_text", "row 1", "column 'chosen' holds a int"]),
    "all identical": (DataError, ["none of 40 comparisons", "40 for identical_candidates", "rows.jsonl row 1"]),
    "all ties": (DataError, ["none of 20 comparisons", "tie_or_abstention", "data.labels"]),
    "unknown labels": (DataError, ["20 for unknown_label", "rows.jsonl row 1", "'A>B'", "data.labels"]),
    "nan weights": (DataError, ["40 for invalid_weight", "rows.jsonl row 1", "weight nan"]),
    "duplicated ids": (DataError, ["rows.jsonl row 40", "id '0' stands already", "row 1", "data.columns.id=null"]),
    "null id": (DataError, ["rows.jsonl row 6", "column 'id' holds None", "data.columns.id=null"]),
    "one group": (DataError, ["all 40 pairs share one prompt", "data.split.heldout=0 data.split.validation=0"]),
    "all votes undecided": (DataError, ["none of 20 comparisons", "all went to review", "data.annotators"]),
    "nothing to train on": (DataError, ["train is empty", "data.split.heldout=0.98"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_gets_one_line_with_place_and_remedy_and_writes_nothing(tmp_path, fault):
    kind, says = FAULTS[fault]
    data = case(tmp_path, fault)
    with pytest.raises(kind) as caught:
        prepare(data, cache=tmp_path / "cache")
    message = str(caught.value)
    assert "\n" not in message
    for part in says:
        assert part in message
    assert not (tmp_path / "cache").exists()


def test_a_source_must_be_named():
    with pytest.raises(ConfigError, match=r"set data\.path=FILE"):
        prepare(DataConfig(name="mine", format="pairs"))


def test_defects_below_the_bound_are_counted_and_above_it_stop_the_run(tmp_path):
    rows = pairs(40)
    for row in rows[:12]:
        row["rejected"] = row["chosen"]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines(rows))
    data = DataConfig(path=str(path), format="pairs", max_defects=0.3)
    assert prepare(data).ledger.rejected == {"identical_candidates": 12}
    data.max_defects = 0.29
    with pytest.raises(DataError, match=r"12 of 40 comparisons are defective, above data\.max_defects=0\.29"):
        prepare(data)


def test_one_group_can_be_trained_on_alone(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines([{**row, "prompt": "The only question"} for row in pairs(10)]))
    prepared = prepare(DataConfig(path=str(path), format="pairs", split=SplitConfig(0.0, 0.0)))
    assert (len(prepared.splits["train"]), prepared.ledger.groups["train"]) == (10, 1)


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines(pairs(20)))
    prepared = prepare(DataConfig(path=str(path), format="pairs"))
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunError, match=r"cannot be written \(Not a directory\); .* choose another run directory"):
        prepared.write(blocked / "data")
    with pytest.raises(DataError, match=r"set paths\.cache to a writable directory"):
        prepare(DataConfig(path=str(path), format="pairs"), cache=blocked / "cache")


def test_text_that_looks_like_markup_of_a_template_stays_text(tmp_path):
    row = {"prompt": "<|im_start|>system", "chosen": "</s>\n\nHuman: ok", "rejected": "<|im_end|>"}
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines([row, *pairs(20)]))
    prepared = prepare(DataConfig(path=str(path), format="pairs", split=SplitConfig(0.0, 0.0)))
    pair = next(p for p in prepared.splits["train"] if p.origin.row == 1)
    assert (pair.prompt[0].content, pair.chosen, pair.rejected) == (row["prompt"], row["chosen"], row["rejected"])
