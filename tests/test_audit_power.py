"""The bench that counts alarms over drawn worlds: its bounds, and that it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_bounds_are_those_of_the_specification() -> None:
    """reference/audits.md, section 5, acceptance."""
    from bench.audit_power import bounds

    assert bounds.detections_needed(200) == 194
    assert bounds.detections_needed(400) == 391
    assert bounds.false_alarms_allowed(200) == 23
    assert bounds.pooled_alarms_allowed(200, 80) == 960
    assert bounds.coverage_needed(200) == 180
    # Few draws leave room for chance, and never for everything.
    for draws in (20, 50, 100):
        assert 0.85 * draws <= bounds.detections_needed(draws) < draws
        assert 0.1 * draws < bounds.false_alarms_allowed(draws) <= 0.3 * draws
        assert 0.7 * draws <= bounds.coverage_needed(draws) <= 0.9 * draws


def test_it_runs_and_finds_what_is_planted() -> None:
    command = [sys.executable, "-m", "bench.audit_power", "--seeds=3", "--worlds=W3,W7", "--jobs=2", "--plain"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert any(line.split()[:4] == ["detected", "W3", "markdown_effect.effect_sd", "3"] for line in lines)
    assert any(line.split()[:4] == ["detected", "W7", "split_overlap.overlap", "3"] for line in lines)
    assert " 0 bounds missed" in done.stdout


def test_a_missed_bound_is_reported() -> None:
    from bench.audit_power.cells import Cell, pooled, world_cells
    from bench.audit_power.trials import Finding

    blind = Finding("markdown_effect.effect_sd", 0.0, -0.05, 0.05, False, "")
    nervous = Finding("length_effect.effect_sd", 0.1, 0.05, 0.15, True, "")
    cells = {(c.kind, c.metric): c for c in world_cells("W3", [[blind, nervous]] * 200)}
    assert not cells["detected", "markdown_effect.effect_sd"].holds
    assert not cells["false alarms", "length_effect.effect_sd"].holds
    assert not cells["covered", "markdown_effect.effect_sd"].holds
    assert not pooled(list(cells.values())).holds
    assert Cell("covered", "W0", "x", 180, 200, 180, True).holds
