"""The truth table of intervals and bounds."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.audits.power import needed
from rmx.audits.verdict import Bounds, judge

ABOVE = Bounds(0.6, None, low_strict=True)
AT_MOST = Bounds(None, 0.05)
WITHIN = Bounds(-0.2, 0.2, low_strict=True, high_strict=True)


@pytest.mark.parametrize(
    ("bounds", "low", "high", "expected"),
    [
        (ABOVE, 0.61, 0.7, "PASS"),
        (ABOVE, 0.6, 0.7, "INCONCLUSIVE"),
        (ABOVE, 0.55, 0.7, "INCONCLUSIVE"),
        (ABOVE, 0.5, 0.6, "FAIL"),
        (ABOVE, 0.5, 0.55, "FAIL"),
        (AT_MOST, -0.1, 0.05, "PASS"),
        (AT_MOST, -0.1, 0.06, "INCONCLUSIVE"),
        (AT_MOST, 0.05, 0.06, "INCONCLUSIVE"),
        (AT_MOST, 0.051, 0.06, "FAIL"),
        (WITHIN, -0.19, 0.19, "PASS"),
        (WITHIN, -0.2, 0.1, "INCONCLUSIVE"),
        (WITHIN, -0.5, 0.5, "INCONCLUSIVE"),
        (WITHIN, 0.2, 0.3, "FAIL"),
        (WITHIN, -0.9, -0.3, "FAIL"),
        (Bounds.closed(0, 0), 0, 0, "PASS"),
        (Bounds.closed(0, 0), 3, 3, "FAIL"),
        (Bounds.closed(None, None), -9, 9, "PASS"),
    ],
)
def test_truth_table(bounds: Bounds, low: float, high: float, expected: str) -> None:
    assert judge((low + high) / 2, low, high, bounds) == expected


@pytest.mark.parametrize("values", itertools.product([math.nan, 0.7], repeat=3))
def test_a_nan_anywhere_fails(values: tuple[float, float, float]) -> None:
    expected = "FAIL" if any(math.isnan(v) for v in values) else "PASS"
    assert judge(*values, ABOVE) == expected


@pytest.mark.parametrize("missing", [(None, 0.7, 0.8), (0.7, None, 0.8), (0.7, 0.7, None)])
def test_without_an_interval_nothing_is_proved(missing: tuple[float | None, ...]) -> None:
    assert judge(*missing, ABOVE) == "INCONCLUSIVE"


@given(st.floats(-2, 2), st.floats(0, 2), st.floats(0, 1))
def test_widening_an_interval_never_decides_more(centre: float, half: float, more: float) -> None:
    narrow = judge(centre, centre - half, centre + half, WITHIN)
    wide = judge(centre, centre - half - more, centre + half + more, WITHIN)
    assert wide in (narrow, "INCONCLUSIVE")


def test_needed_grows_with_the_square_of_the_precision() -> None:
    # p = .7 against .6 with SE .0458 at n = 100: (2.8 · .0458 / .1)² · 100 = 164.6
    assert needed(0.7, 0.0458258, ABOVE, 100) == 165
    assert needed(0.65, 0.0458258, ABOVE, 100) == pytest.approx(4 * 164.64, abs=1)
    assert needed(0.5, 0.05, ABOVE, 100) is None
    # Two-sided: d_z = 1, SE = 1/sqrt(n), room .2: (3.24 / .2)² = 262.4, wherever the estimate lies.
    assert needed(0.5, 0.1, WITHIN, 100) == 263
