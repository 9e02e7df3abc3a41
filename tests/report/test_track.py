"""Positions of an interval's drawing: on the scale that they claim."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import result

from rmx.report.track import share_track, track

number = st.floats(-1e6, 1e6)


def test_a_share_is_drawn_from_0_to_100_with_chance_at_half() -> None:
    drawn = share_track(result("accuracy", "heldout", "model", 0.86, 0.03))
    assert drawn is not None
    assert (drawn.low, drawn.middle, drawn.width, drawn.mark) == ("83.00", "86.00", "6.00", "50.00")


def test_tolerance_and_no_effect_stand_where_they_are_on_the_scale() -> None:
    drawn = track(result("x", "s", "model", 0.0, 0.1, metric="effect_sd", null_value=0.0, tolerance=(-0.2, 0.2)))
    assert drawn is not None
    # The scale is [-.2, .2] and 8% of .4 more at each end: [-.232, .232].
    assert drawn.middle == drawn.mark == "50.00"
    assert drawn.band == (f"{100 * 0.032 / 0.464:.2f}", f"{100 * 0.4 / 0.464:.2f}")
    assert drawn.width == f"{100 * 0.2 / 0.464:.2f}"
    open_above = track(result("x", "s", "model", 0.7, 0.1, metric="accuracy", tolerance=(0.6, None)))
    assert open_above is not None
    assert open_above.band is not None
    assert float(open_above.band[0]) + float(open_above.band[1]) == pytest.approx(100)


def test_nothing_to_draw() -> None:
    assert track(result("x", "s", "model", None)) is None
    assert track(result("x", "s", "model", 0.5)) is None, "an interval with nothing to see it against"
    assert track(result("x", "s", "model", math.nan, null_value=0.0)) is None
    assert track(result("x", "s", "model", 3.0, 0.0, null_value=0.0)) is None, "a count is a point"
    assert share_track(result("x", "s", "model", None)) is None


@given(number, st.floats(0.01, 1e6), number, st.tuples(st.none() | number, st.none() | number))
def test_everything_drawn_lies_inside(middle: float, half: float, null: float, tolerance: tuple[float, float]) -> None:
    drawn = track(result("x", "s", "model", middle, half, metric="effect_sd", null_value=null, tolerance=tolerance))
    assert drawn is not None
    for start, width in (
        (drawn.low, drawn.width),
        (drawn.middle, "0"),
        (drawn.mark, "0"),
        *([drawn.band] if drawn.band else []),
    ):
        assert 0 <= float(start) <= float(start) + float(width) <= 100.02
