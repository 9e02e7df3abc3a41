"""metrics.csv: rows by step, new columns, cut back on resume."""

from __future__ import annotations

from pathlib import Path

from rmx.callbacks.metrics_file import MetricsFile, read_metrics


def test_metrics_of_one_step_share_a_row_and_columns_may_come_later(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "metrics.csv", resume_step=0)
    file.log_metrics({"train/loss": 0.7}, 1)
    file.log_metrics({"train/loss": 0.6, "epoch": 0}, 2)
    file.log_metrics({"val/validation/accuracy": 0.5}, 2)
    file.finalize("success")
    assert read_metrics(tmp_path / "metrics.csv") == [
        {"step": 1, "train/loss": 0.7},
        {"step": 2, "train/loss": 0.6, "val/validation/accuracy": 0.5},
    ]


def test_a_restart_keeps_the_curve_and_cuts_what_the_resumed_step_has_not_reached(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = MetricsFile(path, resume_step=0)
    for step in range(1, 6):
        first.log_metrics({"train/loss": float(step)}, step)
    first.finalize("failed")
    again = MetricsFile(path, resume_step=3)
    again.log_metrics({"train/loss": 40.0}, 4)
    again.finalize("success")
    assert [row["train/loss"] for row in read_metrics(path)] == [1, 2, 3, 40]


def test_numbers_survive_to_the_last_bit(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "metrics.csv", resume_step=0)
    file.log_metrics({"train/loss": 0.1 + 0.2}, 1)
    file.save()
    assert read_metrics(tmp_path / "metrics.csv")[0]["train/loss"] == 0.1 + 0.2


def test_a_row_saved_with_a_checkpoint_takes_later_metrics_of_its_step(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "metrics.csv", resume_step=0)
    for step in (1, 2):
        file.log_metrics({"train/loss": float(step)}, step)
        file.save()
    file.log_metrics({"val/validation/accuracy": 0.5}, 2)
    file.log_metrics({"train/loss": 3.0}, 3)
    file.finalize("success")
    assert read_metrics(tmp_path / "metrics.csv") == [
        {"step": 1, "train/loss": 1},
        {"step": 2, "train/loss": 2, "val/validation/accuracy": 0.5},
        {"step": 3, "train/loss": 3},
    ]
