"""Quantiles of W&B's distributions against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rmx.search.distributions import (
    Beta,
    Categorical,
    IntUniform,
    InvLogUniform,
    LogNormal,
    LogUniform,
    LogUniformValues,
    Normal,
    Quantised,
    Uniform,
)

U = np.linspace(0.01, 0.99, 50)
LOG = stats.loguniform(1e-5, 3e-3)


@pytest.mark.parametrize(
    ("distribution", "oracle"),
    [
        (Uniform(-1, 3), stats.uniform(-1, 4)),
        (LogUniform(-3, 2), stats.loguniform(math.exp(-3), math.exp(2))),
        (LogUniformValues(1e-5, 3e-3), LOG),
        (Normal(2, 0.5), stats.norm(2, 0.5)),
        (LogNormal(-1, 0.7), stats.lognorm(s=0.7, scale=math.exp(-1))),
        (Beta(2, 5), stats.beta(2, 5)),
        (IntUniform(3, 9), stats.randint(3, 10)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_quantiles_are_those_of_scipy(distribution, oracle):
    np.testing.assert_allclose([distribution.at(u) for u in U], oracle.ppf(U), rtol=1e-7)


def test_the_inverse_of_a_log_uniform_number():
    # 1 / exp(x) with x uniform between 1 and 2, from the small to the large.
    values = [InvLogUniform(1, 2).at(u) for u in (0, 0.5, 1)]
    assert values == pytest.approx([math.exp(-2), math.exp(-1.5), math.exp(-1)])


@pytest.mark.parametrize(
    ("inner", "q", "oracle"),
    [(Uniform(0, 10), 3, stats.uniform(0, 10)), (Normal(0, 2), 0.25, stats.norm(0, 2)), (Uniform(1, 2), 0.1, None)],
)
def test_a_step_rounds_to_its_multiples(inner, q, oracle):
    values = [Quantised(inner, q).at(u) for u in U]
    assert all(type(value) is type(q) for value in values)
    if oracle is not None:
        np.testing.assert_allclose(values, np.round(oracle.ppf(U) / q) * q, atol=1e-12)
    assert max(len(str(value)) for value in values) < 6  # no 0.30000000000000004


def test_categories_are_as_likely_as_they_were_said_to_be():
    drawn = [Categorical(["a", "b", "c"], [0.5, 0.0, 0.5]).at(u) for u in np.linspace(0, 1, 1001)]
    assert drawn.count("b") == 0
    assert abs(drawn.count("a") - 500) <= 1
    even = [Categorical([1, 2, 3, 4]).at(u) for u in (0, 0.3, 0.6, 0.9, 1)]
    assert even == [1, 2, 3, 4, 4]


def test_the_middle_of_a_category_is_in_it():
    categories = Categorical(list("abcde"), [0.1, 0.2, 0.3, 0.3, 0.1])
    assert [categories.index(categories.middle(i)) for i in range(5)] == list(range(5))


@pytest.mark.parametrize("u", [0.0, 1.0])
@pytest.mark.parametrize("distribution", [Normal(), LogNormal(), Beta(), IntUniform(0, 3), Uniform(0, 1)])
def test_the_ends_are_numbers(distribution, u):
    assert math.isfinite(distribution.at(u))


def test_what_a_grid_runs_through():
    assert IntUniform(2, 5).points() == [2, 3, 4, 5]
    # As numpy.arange, which W&B's grid takes: the upper end is not among them.
    assert Quantised(Uniform(0.0, 0.5), 0.1).points() == np.round(np.arange(0.0, 0.5, 0.1), 12).tolist()
    assert Quantised(Uniform(0, 7), 2).points() == [0, 2, 4, 6]
    assert Categorical(["x", None]).points() == ["x", None]
    endless = [Uniform(0, 1), Normal(), Beta(), Quantised(Normal(), 1), Categorical(["x"], [1.0])]
    assert [distribution.points() for distribution in endless] == [None] * 5


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: Uniform(1, 1), "not below"),
        (lambda: IntUniform(2, 1), "not below"),
        (lambda: LogUniformValues(0, 1), "no logarithm"),
        (lambda: Normal(0, 0), "sigma"),
        (lambda: Beta(0, 1), "above 0"),
        (lambda: Categorical([]), "empty"),
        (lambda: Categorical([1, 2], [0.5]), "one for each"),
        (lambda: Categorical([1, 2], [0.5, 0.6]), "sum to 1"),
    ],
)
def test_what_has_no_distribution_is_refused(build, complaint):
    with pytest.raises(ValueError, match=complaint):
        build()
