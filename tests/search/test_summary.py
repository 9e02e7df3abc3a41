"""Reading runs back and writing the sweep's table."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from rmx.search.jobs import SweepJob, read_metric, read_verdict
from rmx.search.summary import write_summary


def job(number: int, directory: Path, *, status: int = 0, **overrides: str) -> SweepJob:
    return SweepJob(number, overrides, directory / str(number), status, 1.26, "val/x", 0.5, 0.75, "PASS", "bad | worse")


@pytest.mark.parametrize(("mode", "best"), [("max", 0.8), ("min", 0.25)])
def test_last_and_best_leave_gaps_and_nan_out(tmp_path, mode, best):
    (tmp_path / "metrics.csv").write_text("step,val/x\n1,0.5\n2,\n3,0.8\n4,0.25\n5,nan\n")
    assert read_metric(tmp_path, "val/x", mode) == (0.25, best)


@pytest.mark.parametrize("text", [None, "", "step\n1\n", "step,val/x\n1,\n", "step,val/x\n1,broken\n"])
def test_a_run_without_the_metric_has_none(tmp_path, text):
    if text is not None:
        (tmp_path / "metrics.csv").write_text(text)
    assert read_metric(tmp_path, "val/x", "max") == (None, None)


@pytest.mark.parametrize(("text", "verdict"), [('{"verdict": "FAIL"}', "FAIL"), ("{}", None), ("[", None), ("1", None)])
def test_the_verdict_is_the_gates(tmp_path, text, verdict):
    assert read_verdict(tmp_path) is None
    (tmp_path / "gate.json").write_text(text)
    assert read_verdict(tmp_path) == verdict


def test_the_table_has_a_column_per_key_that_varies(tmp_path, capsys):
    jobs = [job(0, tmp_path, a="1", b="[x]"), job(1, tmp_path, status=-9, a="2", b="[x]")]
    write_summary(jobs, tmp_path)
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["a"] for row in rows] == ["1", "2"]
    assert "b" not in rows[0]
    assert [row["status"] for row in rows] == ["done", "failed (-9)"]
    assert [row["directory"] for row in rows] == ["0", "1"]
    assert r"bad \| worse" in (tmp_path / "sweep.md").read_text()
    assert "failed (-9)" in capsys.readouterr().out
