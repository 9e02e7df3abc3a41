from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from rmx.report.plots.training import MOST_POINTS, training_curve


def write(path: Path, columns: dict[str, list[object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def test_caption_gives_first_and_last_tenth_and_the_best_validation(tmp_path: Path) -> None:
    steps = list(range(1, 21))
    panel = training_curve(
        write(
            tmp_path / "metrics.csv",
            {
                "step": steps,
                "train/loss": [1.0, 0.8, *[0.5] * 16, 0.3, 0.1],
                "train/accuracy": [0.5] * 20,
                "val/validation/accuracy": [
                    "" if s not in (5, 10, 20) else {5: 0.6, 10: 0.7, 20: 0.65}[s] for s in steps
                ],
            },
        )
    )
    assert "Loss from 0.900 to 0.200 over 20 optimiser steps" in panel.caption
    assert "validation accuracy highest at step 10 with 70.0%" in panel.caption
    assert "heldout is what judges" in panel.caption
    assert panel.caption in panel.svg.replace("&#x27;", "'")


def test_long_curves_are_thinned_and_said_so(tmp_path: Path) -> None:
    size = {}
    for steps in (400, 40_000):
        columns = {"step": list(range(steps)), "train/loss": list(np.linspace(1, 0, steps))}
        panel = training_curve(write(tmp_path / f"{steps}.csv", columns))
        assert f"Lines are means over {MOST_POINTS} equal stretches of steps." in panel.caption
        size[steps] = len(panel.svg)
    assert size[40_000] < 1.1 * size[400]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step,val/validation/accuracy\n5,0.6\n", "metrics.csv holds no train/loss"),
        ("step,train/loss\n", "metrics.csv holds no train/loss"),
        ("step,train/loss\n1,0.5\n2,nan\n", "Loss from 0.500 to 0.500 over 1 optimiser steps"),
        ("loss\n0.4\n", "metrics.csv cannot be read"),
        ("", "metrics.csv holds no train/loss"),
    ],
)
def test_odd_files_are_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    assert words in training_curve(path).caption
