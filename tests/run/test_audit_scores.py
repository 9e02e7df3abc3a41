"""Which files `audit scores=…` reads, and which slice what they hold belongs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmx.config.load import compose_config
from rmx.errors import DataError
from rmx.run.audit_scores import audit_scores


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def scores(slice: str, pairs: int = 40) -> list[dict[str, Any]]:
    return [
        {"pair_id": f"p{i}", "group": f"g{i}", "slice": slice, "chosen_reward": i % 5 + 1.0, "rejected_reward": 0.5}
        for i in range(pairs)
    ]


def candidates(slice: str | None, pairs: int = 40) -> list[dict[str, Any]]:
    """An original text and a longer edit of it, per pair."""
    named = {} if slice is None else {"slice": slice}
    rows: list[dict[str, Any]] = []
    for i in range(pairs):
        text = {"candidate_id": f"c{i}", "group": f"g{i}", "reward": i % 5 + 1.0, "tokens": 10, **named}
        text |= {"probe": "", "variant": "", "source_id": ""}
        edited = {"candidate_id": f"e{i}", "source_id": f"c{i}", "probe": "length", "variant": "padded", "tokens": 20}
        rows += [text, {**text, **edited, "reward": i % 5 + 1.1}]
    return rows


def sampled(prompts: int = 30, n: int = 8, *, named: bool = False) -> list[dict[str, Any]]:
    """Samples whose gold reward is the reward itself."""
    more = {"slice": "samples"} if named else {}
    return [
        {"candidate_id": f"c{p}-{i}", "group": f"g{p}", "reward": float(r), "gold": float(r), **more}
        for p in range(prompts)
        for i, r in enumerate(np.random.default_rng(p).normal(size=n))
    ]


def audited(tmp_path: Path, file: Path) -> dict[tuple[str, str], Any]:
    run = tmp_path / "run"
    run.mkdir()
    overrides = [f"scores={file}", "gate.enforce=false", "audit.length_effect.slices=[heldout,mine]"]
    overrides += ["+audit.best_of_n={}"]
    assert audit_scores(compose_config("audit", overrides, run=run)) == 0
    results = json.loads((run / "audits.json").read_text())
    results = results["results"] if isinstance(results, dict) else results
    return {(r["audit"], r["slice"]): r for r in results if r["scorer"] == "model"}


@pytest.mark.parametrize("slice", ["heldout", "mine"])
def test_candidates_belong_to_the_slice_that_their_rows_name(slice: str, tmp_path: Path) -> None:
    file = write(tmp_path / "my.parquet", scores(slice))
    write(tmp_path / "my.candidates.parquet", candidates(slice))
    result = audited(tmp_path, file)["length_effect", slice]
    assert result["reason"] == "", result
    assert result["estimate"] > 0


def test_candidates_of_two_slices_lie_in_one_file_as_their_scores_do(tmp_path: Path) -> None:
    file = write(tmp_path / "both.parquet", scores("heldout") + scores("mine"))
    write(tmp_path / "both.candidates.parquet", candidates("heldout") + candidates("mine"))
    results = audited(tmp_path, file)
    assert results["length_effect", "heldout"]["estimate"] == results["length_effect", "mine"]["estimate"] > 0


def test_candidates_of_a_slice_without_scores_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "my.parquet", scores("mine"))
    write(tmp_path / "my.candidates.parquet", candidates(None))
    with pytest.raises(DataError, match=r"my\.candidates\.parquet: candidates of slice heldout, .* has mine; .*slice"):
        audited(tmp_path, file)
    assert not any((tmp_path / "run").iterdir())


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_file_of_samples_stands_alone(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"mine.candidates.{kind}"
    if kind == "parquet":
        write(file, sampled())
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in sampled()))
    results = audited(tmp_path, file)
    assert results["best_of_n", "samples"]["estimate"] is not None
    assert results["accuracy", "heldout"]["reason"] == "not_provided"


def test_samples_lie_among_the_score_tables_of_a_directory(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    write(folder / "heldout.parquet", scores("heldout"))
    write(folder / "heldout.candidates.parquet", candidates("heldout"))
    write(folder / "samples.candidates.parquet", sampled(named=True))
    results = audited(tmp_path, folder)
    assert results["length_effect", "heldout"]["estimate"] > 0
    assert results["best_of_n", "samples"]["estimate"] is not None
    kept = tmp_path / "run" / "scores" / "samples.candidates.parquet"
    assert audited_again(tmp_path, kept)["best_of_n", "samples"] == results["best_of_n", "samples"]


def audited_again(tmp_path: Path, file: Path) -> dict[tuple[str, str], Any]:
    again = tmp_path / "again"
    again.mkdir()
    return audited(again, file)
