"""Paired differences of several runs: against hand counts and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from slices import scores, wins_to_margins

from rmx.audits import Evidence
from rmx.audits.common import find_common
from rmx.audits.side_by_side import lost_pairs, paired_differences

MINE = [1] * 12 + [0] * 5 + [1] * 40 + [0] * 43
OTHER = [0] * 12 + [1] * 5 + [1] * 40 + [0] * 43


def test_the_difference_is_paired_with_mid_p_where_a_group_has_one_pair() -> None:
    given = {n: Evidence(scores={"heldout": scores(wins_to_margins(w))}) for n, w in (("a", MINE), ("b", OTHER))}
    (result,) = paired_differences(find_common(given))
    assert (result.slice, result.detail["against"]) == ("heldout", "b")
    assert result.estimate == pytest.approx(0.07)
    assert (result.detail["better"], result.detail["worse"]) == (12, 5)
    # The mid-p value of McNemar's exact test: two tails at 5 of 17, the outcome itself counted once and not twice.
    assert result.p_value == pytest.approx(2 * binom.cdf(5, 17, 0.5) - binom.pmf(5, 17, 0.5))


def test_it_is_taken_on_the_common_pairs_with_the_first_ones_groups() -> None:
    groups = [i // 2 for i in range(100)]
    first = scores(wins_to_margins(MINE), groups=groups)
    second = scores(wins_to_margins(OTHER)[:60], groups=range(60))
    common = find_common({"a": Evidence(scores={"heldout": first}), "b": Evidence(scores={"heldout": second})})
    (result,) = paired_differences(common)
    assert (result.n_pairs, result.n_groups) == (60, 30)
    difference = np.array(MINE[:60]) - np.array(OTHER[:60])
    by_group = difference.reshape(30, 2).mean(axis=1)
    assert result.estimate == pytest.approx(by_group.mean())
    assert result.mde == pytest.approx(2.8 * by_group.std(ddof=1) / np.sqrt(30))
    assert common.slices["heldout"].regrouped == ("b",)


def test_every_other_run_and_every_slice_has_its_difference() -> None:
    def given(*margins: float) -> Evidence:
        return Evidence(scores={s: scores(margins, slice=s) for s in ("heldout", "mine")})

    common = find_common({"a": given(1, 1), "b": given(1, -1), "c": given(-1, -1)})
    found = {(r.slice, r.detail["against"]): r.estimate for r in paired_differences(common)}
    assert found == {("heldout", "b"): 0.5, ("heldout", "c"): 1.0, ("mine", "b"): 0.5, ("mine", "c"): 1.0}


def test_a_judge_without_rewards_can_be_compared_with_one_that_has_them() -> None:
    judge = scores([1.0, -1.0]).margins_only()
    common = find_common(
        {"a": Evidence(scores={"heldout": judge}), "b": Evidence(scores={"heldout": scores([2.0, 1.0])})}
    )
    (result,) = paired_differences(common)
    assert result.estimate == -0.5


def test_lost_pairs_are_those_that_the_other_alone_has_right_the_worst_first() -> None:
    first, second = scores([1.0, -0.5, -2.0, -3.0, 0.0]), scores([1.0, 1.0, 0.5, -1.0, 1.0])
    common = find_common({"a": Evidence(scores={"heldout": first}), "b": Evidence(scores={"heldout": second})})
    assert lost_pairs(common) == {"heldout": {"b": ["p000002", "p000001", "p000004"]}}
