"""Objects named by import path."""

from __future__ import annotations

import pytest

from rmx.config.targets import build_target
from rmx.errors import ConfigError


def test_builds_with_its_arguments():
    built = build_target({"_target_": "fractions.Fraction", "numerator": 1, "denominator": 2}, where="callbacks.x")
    assert built == 0.5


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"_target_": "fractions.Fractio"}, "callbacks.x._target_: fractions.Fractio cannot be imported"),
        ({"_target_": "no_such_module.A"}, "callbacks.x._target_: no_such_module.A cannot be imported"),
        ({"_target_": "fractions.Fraction", "top": 1}, "callbacks.x: fractions.Fraction refuses its arguments"),
    ],
)
def test_a_mistake_names_its_key(spec, message):
    with pytest.raises(ConfigError) as caught:
        build_target(spec, where="callbacks.x")
    assert str(caught.value).startswith(message)
