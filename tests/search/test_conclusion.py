"""What a sweep found."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmx.search.conclusion import conclude
from rmx.search.jobs import SweepJob
from rmx.search.sweep_file import Metric


def jobs(*overrides):
    return [SweepJob(i, given, Path(f"/s/{i}"), 0, 1.0, "m", None, None, None) for i, given in enumerate(overrides)]


TWO_BY_TWO = jobs(*({"a": a, "seed": seed} for a in "xy" for seed in "01"))


def test_a_lucky_seed_is_named_but_the_means_are_told():
    values = {0: 0.9, 1: 0.5, 2: 0.8, 3: 0.78}
    assert conclude(TWO_BY_TWO, values, Metric("m", "maximize"), "best").splitlines() == [
        "best of 4: trial 0 (a=x seed=0), best m 0.9, /s/0",
        "mean over seeds: a=y: 0.79 (sd 0.014, 2 trials)",
        "mean over seeds: a=x: 0.7 (sd 0.28, 2 trials)",
    ]


def test_to_minimise_turns_the_order_round_and_what_failed_is_left_out():
    values = {0: 0.9, 2: 0.8, 3: 0.78}
    assert conclude(TWO_BY_TWO, values, Metric("m", "minimize"), "last").splitlines() == [
        "best of 3: trial 3 (a=y seed=1), last m 0.78, /s/3",
        "mean over seeds: a=y: 0.79 (sd 0.014, 2 trials)",
        "mean over seeds: a=x: 0.9 (1 trials)",
    ]


@pytest.mark.parametrize("tried", [jobs({"a": "x"}, {"a": "y"}), jobs({"seed": "0"}, {"seed": "1"})])
def test_without_seeds_or_settings_to_compare_there_are_no_means(tried):
    text = conclude(tried, {0: 0.5, 1: 0.5}, Metric("m", "maximize"), "best")
    assert text.startswith("best of 2: trial 0 (")
    assert "\n" not in text
    assert conclude(tried, {}, Metric("m", "maximize"), "best") == ""
