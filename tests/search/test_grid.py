"""Grids against itertools."""

from __future__ import annotations

import itertools

import pytest

from rmx.errors import ConfigError
from rmx.search.grid import Grid
from rmx.search.parameter import build_space


def grid(parameters):
    return Grid(build_space(parameters, "s.yaml"), seed=0, maximise=True)


def test_every_combination_once_the_last_key_fastest():
    method = grid({"a": {"values": [0.1, 0.2]}, "b": {"min": 1, "max": 3}, "c": {"value": "x"}})
    points = [method.propose(number, []).values for number in range(method.size)]
    expected = [{"a": a, "b": b, "c": "x"} for a, b in itertools.product([0.1, 0.2], [1, 2, 3])]
    assert points == expected
    assert [list(point) for point in points] == [["a", "b", "c"]] * 6


@pytest.mark.parametrize("spec", [{"min": 0.0, "max": 1.0}, {"values": [1, 2], "probabilities": [0.5, 0.5]}])
def test_a_key_without_an_end_of_values_is_named(spec):
    with pytest.raises(ConfigError, match=r"parameters\.b: a grid needs values"):
        grid({"a": {"values": [1]}, "b": spec})
