"""Bayesian search: a Gaussian process over the trials that have ended says where the next is likely to be better.

The process (Matérn 5/2, a length scale for each parameter, noise fitted) and its acquisition (log expected improvement)
are Optuna's. It sees a number as its quantile in [0, 1], so that every distribution is as wide as it was said to be,
and categories as categories. A study is built anew for each proposal, from the seed, the number and what has been told:
nothing of a sampler need be saved to go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rmx.errors import ConfigError
from rmx.search.distributions import Categorical, Distribution
from rmx.search.method import Point, Told
from rmx.search.parameter import Space
from rmx.search.random_draws import RandomDraws

__all__ = ["Bayes"]

_START = 5
"""Random trials before the process has anything to say."""


class Bayes:
    """W&B's `bayes`."""

    size = None
    foreseen = _START

    def __init__(self, space: Space, *, seed: int, maximise: bool) -> None:
        """Keep what to search.

        Raises:
            ConfigError: Optuna is not installed, or nothing is to be searched.
        """
        try:
            import optuna
        except ImportError as error:
            raise ConfigError(
                f"method: bayes needs Optuna ({error}); pip install 'rmx-reward[bayes]', or take method: random"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._space, self._seed, self._maximise = space, seed, maximise
        self._random = RandomDraws(space, seed=seed)
        self._searched = {key: self._unit(of) for key, of in space.items() if not _constant(of)}
        if not self._searched:
            raise ConfigError("method: bayes has nothing to search: every parameter is a constant; take method: grid")

    def propose(self, number: int, told: Sequence[Told]) -> Point:
        """Return a random trial, of the first, or the one of which most is expected."""
        finished = [trial.value for trial in told if trial.value is not None]
        if number < _START or len(finished) < 2:
            return self._random.propose(number)
        # What failed is a place to keep away from: it counts as the worst that was seen, as with W&B.
        worst = (min if self._maximise else max)(finished)
        import numpy as np

        optuna = self._optuna
        # A seed of its own: what is drawn depends on the trial's number, not on how many this process has proposed.
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=0)
        study = optuna.create_study(direction="maximize" if self._maximise else "minimize", sampler=sampler)
        for trial in told:
            study.add_trial(
                optuna.trial.create_trial(
                    params={key: self._inside(key, trial.point.place[key]) for key in self._searched},
                    distributions=self._searched,
                    value=worst if trial.value is None else trial.value,
                )
            )
        asked = study.ask(self._searched).params
        place = {key: self._outside(key, asked[key]) if key in asked else 0.0 for key in self._space}
        return Point({key: self._space[key].at(u) for key, u in place.items()}, place)

    def _unit(self, distribution: Any) -> Any:
        kinds = self._optuna.distributions
        if isinstance(distribution, Categorical):
            return kinds.CategoricalDistribution(range(len(distribution.values)))
        return kinds.FloatDistribution(0.0, 1.0)

    def _inside(self, key: str, u: float) -> Any:
        distribution = self._space[key]
        return distribution.index(u) if isinstance(distribution, Categorical) else u

    def _outside(self, key: str, asked: Any) -> float:
        distribution = self._space[key]
        return distribution.middle(asked) if isinstance(distribution, Categorical) else float(asked)


def _constant(distribution: Distribution) -> bool:
    points = distribution.points()
    return points is not None and len(points) == 1
