"""Bayesian search: pure in what it has been told, better than chance, and away from what fails."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rmx.errors import ConfigError
from rmx.search.bayes import Bayes
from rmx.search.method import Told
from rmx.search.parameter import build_space
from rmx.search.random_draws import RandomDraws

PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "adapter": {"values": ["lora", "dora", None]},
    "seed": {"value": 3},
}
SPACE = build_space(PARAMETERS, "s.yaml")


def quality(values):
    """Best at lr = 1e-3 with dora."""
    return -((math.log10(values["lr"]) + 3) ** 2) - (values["adapter"] != "dora")


def searched(method, count, *, fails=lambda values: False):
    told = []
    for number in range(count):
        point = method.propose(number, told)
        told.append(Told(point, None if fails(point.values) else quality(point.values)))
    return told


def test_it_finds_what_chance_does_not():
    found = [max(trial.value for trial in searched(Bayes(SPACE, seed=s, maximise=True), 15)) for s in range(2)]
    chance = [
        max(quality(RandomDraws(SPACE, seed=s).propose(number).values) for number in range(15)) for s in range(100)
    ]
    assert min(found) > np.median(chance)
    assert max(found) > -0.01


def test_a_proposal_depends_on_what_was_told_and_on_nothing_else():
    told = searched(Bayes(SPACE, seed=1, maximise=True), 8)
    again = [Bayes(SPACE, seed=1, maximise=True).propose(8, told) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0].values == {key: SPACE[key].at(u) for key, u in again[0].place.items()}
    assert again[0].values["seed"] == 3
    assert Bayes(SPACE, seed=2, maximise=True).propose(8, told) != again[0]


def test_the_goal_turns_it_round():
    told = [Told(trial.point, -trial.value) for trial in searched(Bayes(SPACE, seed=1, maximise=True), 9)]
    up = Bayes(SPACE, seed=1, maximise=True).propose(9, [Told(trial.point, -trial.value) for trial in told])
    down = Bayes(SPACE, seed=1, maximise=False).propose(9, told)
    assert quality(down.values) == pytest.approx(quality(up.values))


def test_what_fails_is_kept_away_from():
    told = searched(Bayes(SPACE, seed=0, maximise=True), 16, fails=lambda values: values["lr"] > 3e-3)
    late = [trial.value is None for trial in told[8:]]
    assert sum(late) <= 2


def test_the_first_trials_are_those_of_random():
    method = Bayes(SPACE, seed=5, maximise=True)
    assert method.propose(2, []) == RandomDraws(SPACE, seed=5).propose(2)


def test_constants_alone_are_no_search():
    with pytest.raises(ConfigError, match="nothing to search"):
        Bayes(build_space({"seed": {"value": 1}}, "s.yaml"), seed=0, maximise=True)


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'rmx-reward\[bayes\]'"):
        Bayes(SPACE, seed=0, maximise=True)
