"""Strict building of owners' parameters: what is accepted, and what one line a mistake gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.config import build_strict
from rmx.errors import ConfigError


@dataclass(frozen=True)
class Bound:
    above: float
    pairs: int | None = None


@dataclass(frozen=True)
class Requirement:
    kind: Literal["prove", "refute"]
    bound: Bound
    interval: tuple[float | None, float | None] = (None, None)
    names: tuple[str, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    column: int | float | str | None = None

    def __post_init__(self) -> None:
        if self.bound.above > 1:
            raise ValueError("bound.above must be at most 1")


VALID = {"kind": "prove", "bound": {"above": 0}}


def test_builds_nested_values_with_exact_types():
    built = build_strict(
        Requirement, {**VALID, "interval": [None, 1], "names": ["a", "b"], "weights": {"x": 2}}, where="gate.q"
    )
    assert built == Requirement("prove", Bound(0.0), (None, 1.0), ("a", "b"), {"x": 2})
    assert isinstance(built.bound.above, float)
    assert isinstance(built.interval, tuple)


@pytest.mark.parametrize("value", [3, 2.5, "strength", None])
def test_a_union_keeps_the_type_that_was_given(value):
    built = build_strict(Requirement, {**VALID, "column": value}, where="gate.q").column
    assert built == value
    assert type(built) is type(value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"knd": "prove"}, "gate.q.knd: unknown key; did you mean `kind`?"),
        ({"bound": {}}, "gate.q.bound.above: missing value; give a number"),
        ({"bound": {"above": "???"}}, "gate.q.bound.above: missing value; give a number"),
        ({"bound": {"abov": 1}}, "gate.q.bound.abov: unknown key; did you mean `above`?"),
        ({"bound": {"above": 2}}, "gate.q: bound.above must be at most 1"),
        ({"bound": {"above": "0.6"}}, "gate.q.bound.above: expected a number, got '0.6' (str)"),
        ({"bound": {"above": True}}, "gate.q.bound.above: expected a number, got True (bool)"),
        ({"bound": {"above": float("nan")}}, "gate.q.bound.above: expected a number, got NaN"),
        ({"bound": 3}, "gate.q.bound: expected a mapping of above, pairs, got 3 (int)"),
        ({"bound": {"above": 0, "pairs": 1.0}}, "gate.q.bound.pairs: expected a whole number or null, got 1.0 (float)"),
        ({"kind": "prov"}, "gate.q.kind: unknown value 'prov' (str); did you mean `prove`?"),
        ({"interval": [1, 2, 3]}, "gate.q.interval: expected 2 values, got 3: [1, 2, 3] (list)"),
        ({"names": "abc"}, "gate.q.names: expected a list, got 'abc' (str)"),
        ({"names": ["a", 1]}, "gate.q.names[1]: expected text, got 1 (int)"),
        ({"weights": {"x": 1.5}}, "gate.q.weights.x: expected a whole number, got 1.5 (float)"),
        ({"column": True}, "gate.q.column: expected a whole number or a number or text or null, got True (bool)"),
    ],
)
def test_a_mistake_gets_one_line_that_names_its_key(change, message):
    with pytest.raises(ConfigError) as caught:
        build_strict(Requirement, {**VALID, **change}, where="gate.q")
    assert str(caught.value) == message


@given(above=st.floats(-9, 1), pairs=st.none() | st.integers(), stray=st.none() | st.text(max_size=8))
def test_exactly_the_mappings_without_stray_names_build(above, pairs, stray):
    mapping = {"above": above, "pairs": pairs} | ({} if stray is None else {stray: 1})
    if set(mapping) == {"above", "pairs"}:
        assert asdict(build_strict(Bound, mapping, where="x")) == mapping
    else:
        with pytest.raises(ConfigError, match="unknown key"):
            build_strict(Bound, mapping, where="x")


def test_an_absent_mapping_is_an_empty_one():
    with pytest.raises(ConfigError, match=r"gate\.q\.kind: missing value"):
        build_strict(Requirement, None, where="gate.q")
