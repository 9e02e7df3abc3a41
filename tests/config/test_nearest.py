"""Nearest names."""

from __future__ import annotations

import pytest

from rmx.config import did_you_mean, nearest
from rmx.config.keys import schema_keys


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("loss.centre", "loss.center"),
        ("centre", "loss.center"),
        ("los.center", "loss.center"),
        ("optim.center", "loss.center"),
        ("data.maxlength", "data.max_length"),
        ("trainer.max_step", "trainer.max_steps"),
        ("data.split.held_out", "data.split.heldout"),
    ],
)
def test_the_nearest_key_is_found(typed, meant):
    assert nearest(typed, schema_keys()) == meant


@pytest.mark.parametrize("key", schema_keys())
def test_a_valid_key_is_nearest_to_itself(key):
    assert nearest(key, schema_keys()) == key


def test_what_is_like_nothing_gets_the_list():
    assert nearest("zzz", ["alpha", "beta"]) is None
    assert did_you_mean("zzz", ["beta", "alpha"]) == "valid: alpha, beta"
    assert did_you_mean("zzz", []) == "nothing is valid here"
