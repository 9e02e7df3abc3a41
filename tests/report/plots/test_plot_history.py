from __future__ import annotations

import csv
from pathlib import Path

import pytest

from rmx.report.plots.history import audit_history

STEPS = [10, 20, 30, 40]
COLUMNS: dict[str, list[object]] = {
    "audit/accuracy/validation": [0.5, 0.6, 0.7, 0.75],
    "audit/length_balanced/validation": [0.5, 0.6, 0.65, 0.6],
    "audit/length_effect/validation": [0.02, 0.1, 0.5, 0.9],
    "audit/length_effect/validation/low": [-0.1, -0.05, 0.3, 0.7],
    "audit/length_effect/validation/high": [0.14, 0.25, 0.7, 1.1],
    "audit/calibration/validation/log_temperature": [0.4, 0.1, -0.05, 0.02],
    "audit/calibration/validation/log_temperature/low": [0.2, -0.1, -0.2, -0.1],
    "audit/calibration/validation/log_temperature/high": [0.6, 0.3, 0.1, 0.14],
}


def write(path: Path, columns: dict[str, list[object]], steps: list[int] = STEPS) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "train/loss", *columns])
        writer.writerow([5, 0.7, *[""] * len(columns)])
        writer.writerows([step, 0.5, *(values[k] for values in columns.values())] for k, step in enumerate(steps))
    return path


def test_a_shortcut_that_is_learnt_is_said_with_its_step(tmp_path: Path) -> None:
    panel = audit_history(write(tmp_path / "metrics.csv", COLUMNS))
    assert "length effect from +0.02 sd to +0.90 sd, its interval excluding 0 since step 30" in panel.caption
    assert "log temperature from 0.400 to 0.020, its last interval including 0" in panel.caption
    assert "accuracy from 50.0% to 75.0%; length-balanced from 50.0% to 60.0%" in panel.caption
    assert "Bands are 95% intervals." in panel.caption
    assert panel.caption in panel.svg.replace("&#x27;", "'")
    for label in ("length effect (sd)", "log temperature", "accuracy", "optimiser step"):
        assert f">{label}<" in panel.svg


def test_without_intervals_nothing_is_said_of_them(tmp_path: Path) -> None:
    plain = {name: values for name, values in COLUMNS.items() if not name.endswith(("/low", "/high"))}
    panel = audit_history(write(tmp_path / "metrics.csv", plain))
    assert "interval" not in panel.caption
    assert panel.svg


def test_every_effect_that_was_audited_has_its_own_chart(tmp_path: Path) -> None:
    more = {"audit/flattery_effect/validation/effect_sd": [0.0, 0.1, 0.1, -0.2]}
    panel = audit_history(write(tmp_path / "metrics.csv", COLUMNS | more))
    assert "flattery effect from 0.00 sd to −0.20 sd" in panel.caption
    assert ">flattery effect (sd)<" in panel.svg


@pytest.mark.parametrize(
    ("columns", "steps", "words"),
    [
        ({}, STEPS, "accuracy alone was watched"),
        ({"audit/accuracy/validation": [0.5] * 4}, STEPS, "watch.length_effect.slices=[validation]"),
        (COLUMNS, STEPS[:1], "validation ran once"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, columns: dict, steps: list[int], words: str) -> None:
    panel = audit_history(write(tmp_path / "metrics.csv", columns, steps))
    assert words in panel.caption
    assert not panel.svg


def test_a_model_from_elsewhere_has_no_history(tmp_path: Path) -> None:
    assert "this model was not trained here" in audit_history(None).caption
    assert "the run left no metrics.csv" in audit_history(tmp_path / "none.csv").caption
