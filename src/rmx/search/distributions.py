"""The distributions of W&B's sweep files, each as the quantile function that its sweeps draw by.

`at(u)` takes u in [0, 1] to a value; `points()` lists what a grid runs through, None where there is no end of them.
Definitions follow wandb/sweeps, `params.py` (`HyperParameter.ppf`) and `config/schema.json`, version 0.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import Any, Protocol

__all__ = [
    "Beta",
    "Categorical",
    "Distribution",
    "IntUniform",
    "InvLogUniform",
    "LogNormal",
    "LogUniform",
    "LogUniformValues",
    "Normal",
    "Quantised",
    "Uniform",
]

_EDGE = 1e-9
"""How near to 0 and 1 an unbounded distribution is asked: its quantiles there are infinite."""


class Distribution(Protocol):
    """What a parameter's values are drawn from."""

    def at(self, u: float) -> Any:
        """Return the quantile of u in [0, 1]."""

    def points(self) -> list[Any] | None:
        """Return the values that a grid runs through, or None."""


@dataclass(frozen=True)
class Categorical:
    """One of `values`, equally likely without `probabilities`."""

    values: list[Any]
    probabilities: list[float] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn from."""
        if not self.values:
            raise ValueError("values is empty; give at least one")
        weights = self.probabilities
        if weights is None:
            return
        if len(weights) != len(self.values):
            raise ValueError(f"{len(weights)} probabilities for {len(self.values)} values; give one for each")
        if min(weights) < 0 or not math.isclose(sum(weights), 1, abs_tol=1e-6):
            raise ValueError(f"probabilities {weights} do not sum to 1, or one is negative")

    def at(self, u: float) -> Any:
        """Return the value at u."""
        return self.values[self.index(u)]

    def index(self, u: float) -> int:
        """Return which value u falls on."""
        likely = [i for i, (low, high) in enumerate(self._ranges()) if high > low]
        return next((i for i in likely if u < self._ranges()[i][1]), likely[-1])

    def middle(self, index: int) -> float:
        """Return the u in the middle of a value's range."""
        return sum(self._ranges()[index]) / 2

    def points(self) -> list[Any] | None:
        """Return the values; a grid has no use for probabilities."""
        return self.values if self.probabilities is None else None

    def _ranges(self) -> Sequence[tuple[float, float]]:
        weights = self.probabilities or [1 / len(self.values)] * len(self.values)
        ends = list(accumulate(weights))
        return list(zip([0.0, *ends], ends, strict=False))


@dataclass(frozen=True)
class _Bounded:
    min: float
    max: float

    def __post_init__(self) -> None:
        if self.min >= self.max:
            raise ValueError(f"min {self.min} is not below max {self.max}")

    def points(self) -> list[Any] | None:
        return None

    def _between(self, u: float) -> float:
        return self.min + u * (self.max - self.min)


@dataclass(frozen=True)
class IntUniform:
    """Whole numbers from `min` to `max`, both included."""

    min: int
    max: int

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if self.min >= self.max:
            raise ValueError(f"min {self.min} is not below max {self.max}")

    def at(self, u: float) -> int:
        """Return the whole number at u."""
        return min(self.max, self.min + math.floor(u * (self.max - self.min + 1)))

    def points(self) -> list[Any] | None:
        """Return all of them."""
        return list(range(self.min, self.max + 1))


@dataclass(frozen=True)
class Uniform(_Bounded):
    """Real numbers between `min` and `max`."""

    def at(self, u: float) -> float:
        """Return min + u (max - min)."""
        return self._between(u)


@dataclass(frozen=True)
class LogUniform(_Bounded):
    """exp of a uniform number: `min` and `max` are exponents of e."""

    def at(self, u: float) -> float:
        """Return exp(min + u (max - min))."""
        return math.exp(self._between(u))


@dataclass(frozen=True)
class LogUniformValues(_Bounded):
    """A number between `min` and `max` whose logarithm is uniform. Its inverse has the same law: log 1/x is uniform."""

    def __post_init__(self) -> None:
        """Refuse what has no logarithm."""
        super().__post_init__()
        if self.min <= 0:
            raise ValueError(f"min {self.min} has no logarithm; give one above 0")

    def at(self, u: float) -> float:
        """Return min (max / min)^u."""
        return math.exp(math.log(self.min) + u * (math.log(self.max) - math.log(self.min)))


@dataclass(frozen=True)
class InvLogUniform(_Bounded):
    """exp of minus a uniform number: `min` and `max` are exponents of 1/e."""

    def at(self, u: float) -> float:
        """Return exp(-(min + (1 - u) (max - min)))."""
        return math.exp(-self._between(1 - u))


@dataclass(frozen=True)
class Normal:
    """Mean `mu`, standard deviation `sigma`."""

    mu: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a width of nothing."""
        if self.sigma <= 0:
            raise ValueError(f"sigma {self.sigma} is not above 0")

    def at(self, u: float) -> float:
        """Return the u-quantile."""
        return NormalDist(self.mu, self.sigma).inv_cdf(min(max(u, _EDGE), 1 - _EDGE))

    def points(self) -> list[Any] | None:
        """Return None: there is no end of them."""
        return None


@dataclass(frozen=True)
class LogNormal(Normal):
    """exp of a normal number: `mu` and `sigma` are of the logarithm."""

    def at(self, u: float) -> float:
        """Return exp of the normal quantile."""
        return math.exp(super().at(u))


@dataclass(frozen=True)
class Beta:
    """Between 0 and 1, with shapes `a` and `b`."""

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        """Refuse shapes that have no distribution."""
        if min(self.a, self.b) <= 0:
            raise ValueError(f"a {self.a} and b {self.b} must be above 0")

    def at(self, u: float) -> float:
        """Return the u-quantile."""
        from scipy.special import betaincinv  # a third of a second, for the few who use it

        return float(betaincinv(self.a, self.b, u))

    def points(self) -> list[Any] | None:
        """Return None: there is no end of them."""
        return None


@dataclass(frozen=True)
class Quantised:
    """A number of another distribution, rounded to the nearest multiple of `q`; whole if `q` is."""

    inner: Distribution
    q: int | float

    def at(self, u: float) -> float:
        """Return round(x / q) q of the inner quantile x."""
        return self._tidy(round(self.inner.at(u) / self.q) * self.q)

    def points(self) -> list[Any] | None:
        """Return min, min + q, … below max, as W&B's grid does; None but for a uniform inner distribution."""
        if not isinstance(self.inner, Uniform):
            return None
        low, high = self.inner.min, self.inner.max
        return [self._tidy(low + i * self.q) for i in range(math.ceil((high - low) / self.q))]

    def _tidy(self, value: float) -> float:
        # 3 * 0.1 is 0.30000000000000004, which nobody wants in a command line or a table.
        return int(value) if isinstance(self.q, int) and float(value).is_integer() else float(f"{value:.12g}")
