"""A5b: accuracy on pairs of nearly equal length."""

from __future__ import annotations

import pytest
from slices import one, scores

from rmx.audits.length_matched import LengthMatched


def test_counts_only_matched_pairs() -> None:
    # log(110/100) = .095 is inside, log(120/100) = .18 is not.
    chosen, rejected = [110, 100, 120, 100], [100, 110, 100, 100]
    result = one(LengthMatched(), scores([1.0, -1.0, -1.0, 1.0], chosen_tokens=chosen, rejected_tokens=rejected))
    assert result.estimate == pytest.approx(2 / 3)
    assert (result.n_pairs, result.n_groups) == (3, 3)
    assert result.detail["matched_share"] == 0.75


def test_no_matched_pair_is_inconclusive() -> None:
    result = one(LengthMatched(), scores([1.0], chosen_tokens=[200], rejected_tokens=[100]))
    assert (result.status, result.estimate) == ("INCONCLUSIVE", None)
