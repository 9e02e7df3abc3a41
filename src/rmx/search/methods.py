"""W&B's methods by name."""

from __future__ import annotations

from collections.abc import Callable

from rmx.search.bayes import Bayes
from rmx.search.grid import Grid
from rmx.search.method import Method
from rmx.search.parameter import Space
from rmx.search.random_draws import RandomDraws

__all__ = ["METHODS", "build_method"]

METHODS: dict[str, Callable[..., Method]] = {"grid": Grid, "random": RandomDraws, "bayes": Bayes}


def build_method(name: str, space: Space, *, seed: int, maximise: bool) -> Method:
    """Return the method of a sweep file, one of METHODS.

    Raises:
        ConfigError: It cannot search this space.
    """
    return METHODS[name](space, seed=seed, maximise=maximise)
