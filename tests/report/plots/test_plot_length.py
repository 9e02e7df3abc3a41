from __future__ import annotations

import re

import numpy as np
from scipy.stats import spearmanr
from synthetic_run import table

from rmx.report.plots.length import score_against_length
from rmx.score_table import pool_folds


def test_caption_figures_are_those_of_the_table() -> None:
    view = table("heldout").view("model")
    assert view is not None
    assert view.chosen_tokens is not None
    assert view.rejected_tokens is not None
    assert view.chosen is not None
    assert view.rejected is not None
    panel = score_against_length(view)
    lengths = np.r_[view.chosen_tokens, view.rejected_tokens]
    expected = spearmanr(lengths, np.r_[view.chosen, view.rejected]).statistic
    assert f"Spearman correlation of reward and length {expected:+.2f}" in panel.caption
    assert f"longer in {np.mean(view.chosen_tokens > view.rejected_tokens):.1%}" in panel.caption
    assert "observational" in panel.caption


def test_cells_do_not_grow_with_the_pairs() -> None:
    cells = {}
    for pairs in (1_000, 30_000):
        panel = score_against_length(table("heldout", pairs=pairs).view("model"))
        cells[pairs] = len(re.findall(r"fill-opacity", panel.svg))
    assert cells[30_000] < 2 * cells[1_000]


def test_the_models_of_a_cross_fit_have_no_common_level() -> None:
    panel = score_against_length(pool_folds({"0": table("heldout")}).view("model"))
    assert not panel.svg
    assert "no common level" in panel.caption
