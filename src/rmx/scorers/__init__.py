"""Everything that turns a prompt and a completion into a number; the trivial baselines, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rmx.config import did_you_mean
from rmx.domain import PreferencePair
from rmx.errors import ConfigError
from rmx.scorers.bag_of_words import BagOfWords
from rmx.scorers.base import Scorer
from rmx.scorers.longer import Longer
from rmx.scorers.shorter import Shorter

__all__ = ["BASELINES", "Baseline", "Scorer", "build_baseline"]


@dataclass(frozen=True)
class Baseline:
    """A trivial scorer: what a reward model must beat."""

    build: Callable[[Sequence[PreferencePair]], Scorer]
    """train pairs -> scorer."""
    fitted: bool
    """Whether it needs the train pairs of the model that it is compared with."""


BASELINES: dict[str, Baseline] = {
    "longer": Baseline(lambda _: Longer(), fitted=False),
    "shorter": Baseline(lambda _: Shorter(), fitted=False),
    "bag_of_words": Baseline(BagOfWords.fit, fitted=True),
}


def build_baseline(name: str, train: Sequence[PreferencePair] = ()) -> Scorer:
    """Build a baseline by name; one that is not fitted needs no train pairs.

    Raises:
        ConfigError: an unknown name.
        DataError: a fitted baseline without train pairs.
    """
    if name not in BASELINES:
        raise ConfigError(f"scorer={name} is not known; {did_you_mean(name, BASELINES)}")
    return BASELINES[name].build(train)
