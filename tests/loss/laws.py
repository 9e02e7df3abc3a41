"""Comparisons drawn from the very laws that losses assume, and rewards fitted to them as free parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call

from rmx.data.batch import MicroBatch, RankedBatch
from rmx.loss import Loss

UTILITIES = np.array([-1.6, -1.1, -0.8, -0.4, -0.1, 0.0, 0.2, 0.5, 0.9, 1.0, 1.4])
"""Rewards of the items of every world here."""


class Draw(NamedTuple):
    """Comparisons of items by number."""

    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    grade: NDArray[np.int64]


def draw_graded(n: int, probabilities: Any, grades: int, seed: int) -> Draw:
    """Draw n comparisons of random items.

    Args:
        n: How many.
        probabilities: d (n,) -> (1 + 2 * grades, n): of a tie, of each grade for the first item, then for the second.
        grades: How many.
        seed: Of the generator.
    """
    rng = np.random.default_rng(seed)
    first, second = np.array([rng.choice(len(UTILITIES), 2, replace=False) for _ in range(n)]).T
    law = probabilities(UTILITIES[first] - UTILITIES[second])
    np.testing.assert_allclose(law.sum(0), 1.0, atol=1e-12)
    case = (rng.random(n) < law.cumsum(0)).argmax(0)
    swap = case > grades
    grade = np.where(swap, case - grades, case)
    return Draw(np.where(swap, second, first), np.where(swap, first, second), grade)


def draw_cumulative(n: int, cdf: Callable[[NDArray[Any]], NDArray[Any]], cuts: Sequence[float], seed: int) -> Draw:
    """Draw graded comparisons of a latent margin with noise of distribution `cdf`, cut by symmetric thresholds."""

    def law(d: NDArray[Any]) -> NDArray[Any]:
        sides = []
        for side in (d, -d):
            below = [*(cdf(side - cut) for cut in cuts), np.zeros_like(d)]
            sides += [a - b for a, b in itertools.pairwise(below)]
        return np.stack([cdf(d + cuts[0]) - cdf(d - cuts[0]), *sides])

    return draw_graded(n, law, len(cuts), seed)


def draw_rankings(n: int, k: int, seed: int) -> NDArray[np.int64]:
    """Draw n Plackett-Luce rankings (n, k) of k random items, best first: the order of utilities with Gumbel noise."""
    rng = np.random.default_rng(seed)
    items = np.array([rng.choice(len(UTILITIES), k, replace=False) for _ in range(n)])
    noisy = UTILITIES[items] + rng.gumbel(size=items.shape)
    return np.take_along_axis(items, np.argsort(-noisy, 1), 1)


def micro_of(
    chosen: Any,
    rejected: Any,
    grade: Any = None,
    *,
    flip: float = 0.0,
    margin: Any = 0.0,
    rankings: tuple[RankedBatch, ...] = (),
) -> MicroBatch:
    """Return a micro-batch of comparisons, whose sequences no loss looks at."""
    chosen, rejected = torch.as_tensor(chosen), torch.as_tensor(rejected)
    ones = torch.ones(len(chosen), dtype=torch.float64)
    grade = torch.ones(len(chosen), dtype=torch.int64) if grade is None else torch.as_tensor(grade)
    return MicroBatch(
        None,  # type: ignore[arg-type]
        chosen,
        rejected,
        ones * torch.as_tensor(margin),
        torch.where(grade == 0, 0.5, flip).double(),
        ones,
        torch.arange(len(chosen)),
        grade,
        rankings=rankings,
    )


class Fit(NamedTuple):
    """Maximum likelihood, rewards first, then the loss's own parameters; rewards are measured from their mean."""

    rewards: NDArray[np.float64]
    own: NDArray[np.float64]
    covariance: NDArray[np.float64]
    """Inverse of the observed information."""

    def z(self, own: Sequence[float] = (), rewards: NDArray[np.float64] = UTILITIES) -> NDArray[np.float64]:
        """Return how many standard errors each estimate is from the truth."""
        truth = np.concatenate([rewards - rewards.mean(), own])
        estimate = np.concatenate([self.rewards, self.own])
        return (estimate - truth) / np.sqrt(self.covariance.diagonal())

    def slope(self) -> tuple[float, float]:
        """Return the scale of the estimated rewards against the true ones, and its standard error."""
        truth = UTILITIES - UTILITIES.mean()
        along = truth / (truth @ truth)
        n = len(truth)
        return float(along @ self.rewards), float(np.sqrt(along @ self.covariance[:n, :n] @ along))


def fit(loss: Loss, micro: MicroBatch) -> Fit:
    """Minimise a loss over free rewards and its own parameters, by its own code and gradients, in float64."""
    loss = loss.double()
    shapes = {name: p.shape for name, p in loss.named_parameters()}
    n = len(UTILITIES)
    start = torch.cat([torch.zeros(n - 1).double(), *(p.detach().reshape(-1) for p in loss.parameters())])
    # Rewards are known up to a constant: one coordinate less, and a mean of zero.
    basis = torch.eye(n).double()[:, : n - 1] - 1.0 / n

    def total(free: torch.Tensor) -> torch.Tensor:
        parts = free[n - 1 :].split([int(np.prod(s)) for s in shapes.values()])
        own = {name: p.reshape(s) for (name, s), p in zip(shapes.items(), parts, strict=True)}
        terms, weight = functional_call(loss, own, (basis @ free[: n - 1], micro))
        return (weight * terms.total).sum()

    free = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=300, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = total(free) / len(micro.chosen)
        value.backward()
        return value

    optimizer.step(closure)
    found = free.detach()
    covariance = torch.linalg.inv(torch.autograd.functional.hessian(total, found))
    spread = torch.block_diag(basis, torch.eye(len(found) - n + 1).double())
    return Fit((basis @ found[: n - 1]).numpy(), found[n - 1 :].numpy(), (spread @ covariance @ spread.T).numpy())
