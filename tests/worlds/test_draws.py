from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from rmx.worlds.draws import Draws


def test_a_draw_is_a_hash_of_its_key_and_name():
    digest = hashlib.sha256(b"world\x1f7\x1fplace").digest()
    expected = int.from_bytes(digest[:8], "big") / 2.0**64
    assert Draws("world", 7).unit("place") == pytest.approx(expected, abs=2**-52)
    assert Draws("world").at(7).unit("place") == Draws("world", 7).unit("place")


def test_draws_are_uniform_and_their_order_does_not_matter():
    numbers = [Draws("uniform", i).unit("x") for i in range(4000)]
    assert kstest(numbers, "uniform").pvalue > 0.001
    one, other = Draws("a"), Draws("a")
    first = one.unit("x"), one.unit("y")
    assert (other.unit("y"), other.unit("x")) == first[::-1]


def test_parts_are_independent():
    pairs = [(Draws(i).at("left").chance("c", 0.5), Draws(i).at("right").chance("c", 0.5)) for i in range(4000)]
    assert chisquare(list(Counter(pairs).values())).pvalue > 0.001


def test_weighted_follows_the_weights():
    weights = [1.0, 0.0, 3.0, 4.0]
    counts = Counter(Draws(i).weighted("w", weights) for i in range(4000))
    assert counts[1] == 0
    assert chisquare([counts[i] for i in (0, 2, 3)], [500, 1500, 2000]).pvalue > 0.001


def test_samples_are_uniform_over_ordered_selections():
    counts = Counter(tuple(Draws(i).sample("s", "abc", 2)) for i in range(6000))
    assert len(counts) == 6
    assert chisquare(list(counts.values())).pvalue > 0.001


@given(st.text(), st.lists(st.integers(), min_size=1, unique=True))
def test_pick_returns_an_option(key: str, options: list[int]):
    assert Draws(key).pick("x", options) in options
    assert sorted(Draws(key).sample("x", options, len(options))) == sorted(options)
