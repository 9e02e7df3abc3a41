"""`parameters` in W&B's words."""

from __future__ import annotations

import pytest

from rmx.errors import ConfigError
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
from rmx.search.parameter import build_space


def of(spec):
    return build_space({"optim.lr": spec}, "s.yaml")["optim.lr"]


@pytest.mark.parametrize(
    ("spec", "distribution"),
    [
        ({"value": 3}, Categorical([3])),
        ({"value": [1, 2], "distribution": "constant"}, Categorical([[1, 2]])),
        ({"values": [1, "a", None]}, Categorical([1, "a", None])),
        ({"values": [1, 2], "probabilities": [0.3, 0.7]}, Categorical([1, 2], [0.3, 0.7])),
        ({"min": 1, "max": 4}, IntUniform(1, 4)),
        ({"min": 1, "max": 4.0}, Uniform(1, 4)),
        ({"min": 0.0, "max": 1.0, "distribution": "uniform"}, Uniform(0, 1)),
        ({"min": 1, "max": 9, "q": 2, "distribution": "q_uniform"}, Quantised(Uniform(1, 9), 2)),
        ({"min": 1, "max": 9, "distribution": "q_uniform"}, Quantised(Uniform(1, 9), 1.0)),
        ({"min": -3, "max": 1, "distribution": "log_uniform"}, LogUniform(-3, 1)),
        ({"min": 0.1, "max": 1, "distribution": "log_uniform_values"}, LogUniformValues(0.1, 1)),
        ({"min": 0.1, "max": 1, "distribution": "inv_log_uniform_values"}, LogUniformValues(0.1, 1)),
        ({"min": 1, "max": 2, "distribution": "inv_log_uniform"}, InvLogUniform(1, 2)),
        (
            {"min": 1, "max": 99, "q": 5, "distribution": "q_log_uniform_values"},
            Quantised(LogUniformValues(1, 99), 5),
        ),
        ({"distribution": "normal"}, Normal(0, 1)),
        ({"distribution": "q_normal", "mu": 2, "q": 0.5}, Quantised(Normal(2, 1), 0.5)),
        ({"distribution": "log_normal", "sigma": 0.1}, LogNormal(0, 0.1)),
        ({"distribution": "beta", "a": 2}, Beta(2, 1)),
        ({"distribution": "q_beta", "q": 0.1}, Quantised(Beta(1, 1), 0.1)),
    ],
    ids=str,
)
def test_every_form_of_the_schema(spec, distribution):
    built = of(spec)
    assert built == distribution
    assert type(built) is type(distribution)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (3, "expected a mapping, got 3; write {value: 3}"),
        ({"parameters": {"beta1": {"value": 0.9}}}, "write the dotted key `optim.lr.beta1`"),
        ({"min": "1e-5", "max": 1.0}, "'1e-5' is text to YAML"),
        ({"min": 0.0}, r"optim\.lr\.max: missing value"),
        ({"min": 1.0, "max": 0.5}, "min 1.0 is not below max 0.5"),
        ({"distribution": "log_unifrom_values", "min": 1, "max": 2}, "did you mean `log_uniform_values`"),
        ({"min": 0.0, "max": 1.0, "q": 0.1}, r"optim\.lr\.q: unknown key"),
        ({"value": 1, "values": [1]}, "a constant has `value` alone"),
        ({"values": 3}, "expected a list"),
        ({"distribution": "q_normal", "q": 0}, "expected a number above 0"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(spec, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        of(spec)
    assert str(caught.value).startswith("s.yaml: parameters.optim.lr")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("parameters", [None, {}, ["optim.lr"]])
def test_nothing_to_vary_is_refused(parameters):
    with pytest.raises(ConfigError, match="expected a mapping of dotted keys"):
        build_space(parameters, "s.yaml")
