"""Candidates joined with comparisons, and score tables in and out of files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import DataError
from rmx.score_table import (
    CANDIDATE_COLUMNS,
    CandidateTable,
    Comparisons,
    ScoreTable,
    candidate_id,
    join_scores,
    read_candidates,
    read_comparisons,
    read_scores,
    write_table,
)

PROMPT = (Message("user", "Where is the door?"),)


def _pairs() -> list[PreferencePair]:
    """Three completions of one prompt in two comparisons, and one pair of another prompt."""
    other = (Message("user", "Is it open?"),)
    row = Origin("f.jsonl", 1)
    return [
        PreferencePair("p2", PROMPT, "left", "right", row, group="g1", agreement=2 / 3, tags={"b": "x", "a": "ü"}),
        PreferencePair("p1", PROMPT, "left", "behind you", row, group="g1", strength=2.0, label_source="human"),
        PreferencePair("p3", other, "yes", "no", row, group="g2"),
    ]


def _candidates(scorer: str = "model", *, skip: str = "", factor: float = 1.0) -> CandidateTable:
    rows = []
    texts = [(p.prompt, c, p.group) for p in _pairs() for c in (p.chosen, p.rejected)]
    for number, (prompt, completion, group) in enumerate(dict.fromkeys(texts)):
        if completion != skip:
            rows.append(
                {
                    "slice": "heldout",
                    "group": group,
                    "candidate_id": candidate_id(prompt, completion),
                    "scorer": scorer,
                    "reward": factor * number,
                    "tokens": len(completion),
                    "gold": None,
                    "probe": "",
                    "variant": "",
                    "source_id": "",
                }
            )
    return CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))


def _comparisons() -> Comparisons:
    return Comparisons.from_pairs(_pairs(), slice="heldout", prompt_tokens={"p1": 7})


def _write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROW = {"pair_id": "a", "group": "g", "chosen_reward": 1.0, "rejected_reward": 0.5}


def test_join_looks_up_both_sides_for_every_scorer() -> None:
    both = CandidateTable(pa.concat_tables([_candidates().table, _candidates("longer", factor=-1).table]))
    table = join_scores(both, _comparisons())
    rows = {(r["pair_id"], r["scorer"]): r for r in table.table.to_pylist()}
    assert list(rows) == [(p, s) for p in ("p1", "p2", "p3") for s in ("longer", "model")]
    # Candidates in order of first appearance: left 0, right 1, behind you 2, yes 3, no 4.
    assert (rows["p1", "model"]["chosen_reward"], rows["p1", "model"]["rejected_reward"]) == (0, 2)
    assert (rows["p3", "longer"]["chosen_reward"], rows["p3", "longer"]["rejected_reward"]) == (-3, -4)
    first = rows["p1", "model"]
    assert (first["chosen_tokens"], first["rejected_tokens"], first["prompt_tokens"]) == (4, 10, 7)
    assert (first["strength"], first["label_source"]) == (2.0, "human")
    assert json.loads(rows["p2", "model"]["tags"]) == {"a": "ü", "b": "x"}
    assert rows["p2", "model"]["prompt_tokens"] is None


def test_join_ignores_edited_texts() -> None:
    edit = _candidates().table.slice(0, 1).to_pylist()[0] | {"probe": "length", "variant": "padded", "reward": 99.0}
    more = CandidateTable(pa.concat_tables([_candidates().table, pa.Table.from_pylist([edit], CANDIDATE_COLUMNS)]))
    assert join_scores(more, _comparisons()).digest == join_scores(_candidates(), _comparisons()).digest


def test_join_names_the_candidate_that_was_not_scored() -> None:
    with pytest.raises(DataError, match=r"pair p1 of slice heldout: its rejected candidate \w+ has no score by model"):
        join_scores(_candidates(skip="behind you"), _comparisons())


@given(st.permutations(range(3)))
def test_order_of_rows_never_shows(order: list[int]) -> None:
    comparisons = _comparisons()
    shuffled = Comparisons(comparisons.table.take(order))
    assert shuffled.table.equals(comparisons.table)
    assert shuffled.digest == comparisons.digest


def test_rows_that_share_their_key_are_refused() -> None:
    table = join_scores(_candidates(), _comparisons())
    with pytest.raises(DataError, match="pair_id=p1, scorer=model"):
        table.merge(table)


def test_view_has_margins_and_groups() -> None:
    view = join_scores(_candidates(), _comparisons()).view()
    assert view.pair_ids == ["p1", "p2", "p3"]
    assert view.margins.tolist() == [-2, -1, -1]
    assert view.wins.tolist() == [0, 0, 0]
    assert [view.group_names[c] for c in view.group_codes] == ["g1", "g1", "g2"]
    assert view.agreement == pytest.approx([1, 2 / 3, 1])
    assert np.isnan(view.strength[1])
    assert view.tags()[1] == {"a": "ü", "b": "x"}
    assert join_scores(_candidates(), _comparisons()).view("longer") is None


def test_margins_only_forgets_levels() -> None:
    judge = join_scores(_candidates(), _comparisons()).margins_only()
    assert judge.kind == "pairwise"
    view = judge.view()
    assert view.chosen is None
    assert view.margins.tolist() == [-2, -1, -1]
    with pytest.raises(DataError, match="margins_only"):
        judge.merge(join_scores(_candidates("other"), _comparisons()))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("make", "read"),
    [
        (lambda: join_scores(_candidates(), _comparisons()), read_scores),
        (lambda: join_scores(_candidates(), _comparisons()).margins_only(), read_scores),
        (_candidates, read_candidates),
        (_comparisons, read_comparisons),
    ],
)
def test_every_format_returns_the_same_content(tmp_path: Path, suffix: str, make: Callable, read: Callable) -> None:
    rows = make()
    path = tmp_path / f"rows.{suffix}"
    write_table(rows, path)
    back = read(path)
    assert type(back) is type(rows)
    assert back.table.equals(rows.table)
    assert back.digest == rows.digest
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_keeps_metadata_and_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    table = ScoreTable(join_scores(_candidates(), _comparisons()).table, {"model": "m", "data": "d"})
    for name in ("a.parquet", "b.parquet"):
        write_table(ScoreTable(table.table.take([2, 0, 1]), table.metadata), tmp_path / name)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_scores(tmp_path / "a.parquet").metadata == {"data": "d", "model": "m"}


def test_a_table_with_nothing_optional_survives_its_digest(tmp_path: Path) -> None:
    bare = read_scores(_write(tmp_path / "bare.jsonl", [ROW]))
    write_table(bare, tmp_path / "bare.parquet")
    assert read_scores(tmp_path / "bare.parquet").digest == bare.digest


def test_an_edited_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "heldout.parquet"
    write_table(join_scores(_candidates(), _comparisons()), path)
    table = pq.read_table(path)
    better = pa.array([9.0] * len(table))
    pq.write_table(table.set_column(table.schema.get_field_index("chosen_reward"), "chosen_reward", better), path)
    with pytest.raises(DataError, match=r"heldout\.parquet: changed after it was written"):
        read_scores(path)


def test_a_foreign_file_needs_four_columns_and_keeps_the_others_as_tags(tmp_path: Path) -> None:
    path = tmp_path / "foreign.csv"
    path.write_text("pair_id,group,chosen_reward,rejected_reward,source\n7,12,1.5,0.5,chat\n3,12,0,0.25,code\n")
    table = read_scores(path)
    view = table.view()
    assert (view.slice, view.scorer, table.label_sources) == ("heldout", "model", ("unknown",))
    assert view.pair_ids == ["3", "7"]
    assert view.margins.tolist() == [-0.25, 1.0]
    assert view.tags() == [{"source": "code"}, {"source": "chat"}]
    assert view.chosen_tokens is None


def test_a_foreign_judge_gives_margins(tmp_path: Path) -> None:
    path = _write(tmp_path / "judge.jsonl", [{"pair_id": i, "group": i, "margin": (-1) ** i} for i in range(3)])
    assert read_scores(path).kind == "pairwise"


def test_slices_of_one_file_are_told_apart(tmp_path: Path) -> None:
    rows = [ROW | {"slice": s} for s in ("heldout", "fresh_policy")]
    by_slice = read_scores(_write(tmp_path / "s.jsonl", rows)).by_slice()
    assert list(by_slice) == ["fresh_policy", "heldout"]
    with pytest.raises(DataError, match="by_slice"):
        read_scores(tmp_path / "s.jsonl").view()


def test_gzip_and_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r\n"))
    assert len(read_scores(path)) == 1


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{k: v for k, v in ROW.items() if k != "group"}], "column group is missing"),
        ([{k: v for k, v in ROW.items() if k != "rejected_reward"}], "column rejected_reward is missing"),
        ([ROW, ROW | {"pair_id": "b", "chosen_reward": float("nan")}], "row 2: chosen_reward is nan, not a finite"),
        ([ROW | {"chosen_reward": float("inf")}], "row 1: chosen_reward is inf"),
        ([ROW | {"chosen_reward": "high"}], "row 1: chosen_reward is 'high', not a number"),
        ([ROW | {"chosen_reward": None}], "row 1: chosen_reward is empty"),
        ([ROW | {"group": None}], "row 1: group is empty"),
        ([ROW | {"chosen_tokens": 2.5}], "row 1: chosen_tokens is 2.5, not a whole number"),
        ([ROW, ROW], "two rows share slice=heldout, pair_id=a, scorer=model"),
        ([ROW | {"tags": "chat", "source": "x"}], "row 1: tags is 'chat', not a JSON object"),
        ([], "column pair_id, group"),
    ],
)
def test_unusable_rows_are_named(tmp_path: Path, rows: list[dict], told: str) -> None:
    path = _write(tmp_path / "bad.jsonl", rows)
    with pytest.raises(DataError) as error:
        read_scores(path)
    assert str(error.value).startswith(str(path))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("cut.jsonl", json.dumps(ROW).encode() + b'\n{"pair_id": "b', "row 2: not a complete JSON object"),
        ("list.jsonl", b"[1]\n", "row 1: a JSON list"),
        ("cut.jsonl.gz", gzip.compress(json.dumps(ROW).encode() * 50)[:-9], "cannot be read"),
        ("bytes.csv", b"pair_id,group\n\xff\xfe,1\n", "cannot be read"),
        ("wide.csv", b"pair_id,group\na,b,c\n", "row 1: more cells than the header"),
        ("head.csv", b"pair_id,group,chosen_reward,rejected_reward\n", "column pair_id"),
        ("not.parquet", b"PAR1 no", "not a readable Parquet file"),
        ("scores.txt", b"", "cannot read .txt"),
    ],
)
def test_unreadable_files_are_named(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read_scores(tmp_path / name)
    assert name in str(error.value)
    assert told in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_scores(tmp_path / "none.csv")
