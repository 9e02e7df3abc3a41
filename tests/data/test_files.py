import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmx.data.files import content_hash, expand_paths, file_rows
from rmx.errors import ConfigError, DataError

ROWS = [
    {"prompt": "What is a quay?", "chosen": "A place to moor ships, in a port.", "rejected": 'A "key", I think'},
    {"prompt": "Grüße\nübersetzen", "chosen": "Greetings \u2028 ok", "rejected": "日本語, ja"},
    {"prompt": "third", "chosen": "a,b;c", "rejected": "d\n\ne"},
]


def write(folder: Path, kind: str) -> Path:
    path = folder / f"rows.{kind}"
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    if kind == "jsonl":
        path.write_text(lines, "utf-8")
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress(lines.encode()))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(ROWS[0]), delimiter="\t" if kind == "tsv" else ",")
            writer.writeheader()
            writer.writerows(ROWS)
        if kind == "csv.gz":
            path.write_bytes(gzip.compress(path.read_bytes()))
    return path


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "csv", "csv.gz", "tsv", "parquet"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path, kind):
    read = list(file_rows(write(tmp_path, kind)))
    assert [row for _, row in read] == ROWS
    assert [origin.row for origin, _ in read] == [1, 2, 3]
    assert {origin.file for origin, _ in read} == {str(tmp_path / f"rows.{kind}")}


def test_byte_order_mark_and_crlf_are_accepted(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(json.dumps(row) for row in ROWS).encode() + b"\r\n")
    assert [row for _, row in file_rows(path)] == ROWS
    table = tmp_path / "rows.csv"
    table.write_bytes(b"\xef\xbb\xbfprompt,chosen\r\nx,y\r\n")
    assert [row for _, row in file_rows(table)] == [{"prompt": "x", "chosen": "y"}]


def test_blank_lines_are_no_rows_but_keep_their_line_numbers(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert [(origin.row, row["a"]) for origin, row in file_rows(path)] == [(1, 1), (3, 2)]


def test_one_json_list_gives_its_elements(tmp_path):
    path = tmp_path / "total_dataset.json"
    path.write_text(json.dumps(ROWS, indent=2))
    assert [(origin.row, row) for origin, row in file_rows(path)] == list(enumerate(ROWS, start=1))
    # A file of that name may hold JSON Lines all the same.
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert [row for _, row in file_rows(path)] == ROWS


def damaged(folder: Path, what: str) -> Path:
    good = "".join(json.dumps(row) + "\n" for row in ROWS * 400).encode()
    path = folder / "bad.jsonl"
    if what == "cut gzip":
        path = folder / "bad.jsonl.gz"
        path.write_bytes(gzip.compress(good)[:-200])
    elif what == "gzip with one byte wrong":
        zipped = bytearray(gzip.compress(good))
        zipped[-6] ^= 0xFF  # in the checksum
        path = folder / "bad.jsonl.gz"
        path.write_bytes(bytes(zipped))
    elif what == "not gzip":
        path = folder / "bad.jsonl.gz"
        path.write_bytes(good)
    elif what == "cut line":
        path.write_bytes(good[:-30])
    elif what == "utf-8":
        path.write_bytes(good + b'{"prompt": "caf\xe9"}\n')
    elif what == "nul":
        path.write_bytes(good + b'{"prompt": "a\0b"}\n')
    elif what == "array":
        path.write_text("[" + ",".join(json.dumps(row) for row in ROWS) + "]")
    elif what in ("cut list", "list of texts"):
        path = folder / "bad.json"
        path.write_text(json.dumps(ROWS)[:-9] if what == "cut list" else json.dumps([ROWS[0], "text"]))
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "cut csv":
        path = folder / "bad.csv"
        path.write_text('prompt,chosen\na,"b\n')
    elif what == "ragged csv":
        path = folder / "bad.csv"
        path.write_text("prompt,chosen\na,b\na,b,c\n")
    elif what == "cut parquet":
        path = folder / "bad.parquet"
        pq.write_table(pa.Table.from_pylist(ROWS), path)
        path.write_bytes(path.read_bytes()[:-20])
    elif what == "kind":
        path = folder / "bad.xlsx"
        path.write_bytes(good)
    return path


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("cut gzip", "gzip stream damaged or cut after line"),
        ("gzip with one byte wrong", "gzip stream damaged or cut after line"),
        ("not gzip", "not a gzip file"),
        ("cut line", "line 1200: not one complete JSON object"),
        ("utf-8", "line 1201: not UTF-8"),
        ("nul", "line 1201: contains a NUL byte"),
        ("array", "line 1: holds a list, not an object"),
        ("cut list", "not one complete JSON list"),
        ("list of texts", "element 2: holds a str, not an object"),
        ("empty", "is empty"),
        ("cut csv", "may be cut"),
        ("ragged csv", "row 2 (line 3): 3 cells under 2 columns"),
        ("cut parquet", "not readable as Parquet"),
        ("kind", "unknown kind of file"),
    ],
)
def test_damaged_files_are_refused_in_one_line_with_the_place(tmp_path, what, says):
    path = damaged(tmp_path, what)
    with pytest.raises(DataError) as caught:
        list(file_rows(path))
    message = str(caught.value)
    assert says in message
    assert str(path) in message
    assert "\n" not in message


def test_paths_lists_globs_and_names_that_look_like_globs(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "odd[1].jsonl"):
        (tmp_path / name).write_text("{}\n")
    assert [p.name for p in expand_paths(str(tmp_path / "?.jsonl"))] == ["a.jsonl", "b.jsonl"]
    assert [p.name for p in expand_paths([str(tmp_path / "b.jsonl"), str(tmp_path / "a.jsonl")])] == [
        "b.jsonl",
        "a.jsonl",
    ]
    assert [p.name for p in expand_paths(str(tmp_path / "odd[1].jsonl"))] == ["odd[1].jsonl"]
    with pytest.raises(DataError, match="no such file"):
        expand_paths(str(tmp_path / "none*.jsonl"))
    with pytest.raises(DataError, match="is a directory"):
        expand_paths(str(tmp_path))
    with pytest.raises(ConfigError, match=r"data\.path"):
        expand_paths(7)


def test_content_hash_follows_the_bytes_and_not_the_place(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text("{}\n")
    two.write_text("{}\n")
    assert content_hash([one]) == content_hash([two])
    two.write_text("{} \n")
    assert content_hash([one]) != content_hash([two])
