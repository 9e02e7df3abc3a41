"""How often each annotator errs, learnt from their votes on the same pairs: Dawid & Skene's model of two answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnnotatorFit", "fit_annotators"]

Floats = NDArray[np.float64]

CONVERGED = 1e-10
ITERATIONS = 20_000
SINGULAR = 1e-6
"""Least share, in any direction, of the information that known sides would give, of errors that the votes determine."""


@dataclass(frozen=True)
class AnnotatorFit:
    """The most likely errors, with the influence of every pair on them. Matrices are sparse, (pairs, annotators)."""

    signed: Any
    """Votes for the first side minus votes for the second."""
    cast: Any
    """Votes cast."""
    truth: Floats
    """Of each pair, P(first side is right) - P(second is), (pairs,); ±1 where it is known."""
    known: NDArray[np.bool_]
    balance: Floats
    """1 - 2 error of each annotator, (annotators,): 1 always right, 0 a coin, -1 always wrong."""

    @property
    def errors(self) -> Floats:
        """Chance that a vote is for the wrong side, (annotators,)."""
        return (1 - self.balance) / 2

    @property
    def _of_known_sides(self) -> Floats:
        """The information that the votes would have if all right sides were known, (annotators,)."""
        votes, held = self.cast.sum(axis=0).ravel(), _held(self.balance, self.cast)
        return np.asarray(votes * (1 - held**2) / 4, dtype=np.float64)

    @property
    def information(self) -> Floats:
        """Minus the second derivatives of the log-likelihood in the log odds of a right vote."""
        unsure = np.where(self.known, 0.0, 1 - self.truth**2) / 4
        lost = (self.signed.T @ self.signed.multiply(unsure[:, None])).toarray()
        return np.asarray(np.diag(self._of_known_sides) - lost)

    @property
    def identified(self) -> bool:
        """Whether the votes determine every error: the likelihood has one top there, no ridge."""
        scale = np.sqrt(self._of_known_sides)
        return bool(np.linalg.eigvalsh(self.information / np.outer(scale, scale))[0] > SINGULAR)

    @cached_property
    def _inverse(self) -> Floats:
        return np.asarray(np.linalg.inv(self.information), dtype=np.float64)

    @cached_property
    def _score(self) -> Any:
        """Derivative of each pair's log-likelihood in the log odds of a right vote, sparse (pairs, annotators)."""
        right = self.signed.multiply(self.truth[:, None]) - self.cast.multiply(self.balance[None, :])
        return right.tocsr() / 2

    def influence(self, direction: Floats) -> Floats:
        """Return the first-order effect of each pair on direction · errors, (pairs,); see `Clusters.standard_error`.

        Score times inverse information: the sandwich, which does not need the model to be true.

        Args:
            direction: Weight of each annotator's error, (annotators,).
        """
        of_log_odds = self._inverse @ (-(1 - self.balance**2) / 4 * direction)
        return np.asarray(self._score @ of_log_odds).ravel()


def fit_annotators(signed: Any, cast: Any, known: Floats) -> AnnotatorFit:
    """Fit by expectation-maximisation, beginning with the majority of each pair.

    Of each pair one side is right, as likely the one as the other; annotator k votes for the wrong one with chance e_k,
    whichever it is, votes being independent given it (Dawid & Skene 1979, with one error a person, because the two
    sides of a pair have no names). With t_k = log((1 - e_k)/e_k) and D the sum of ±t over a pair's votes, the right
    side is known up to tanh(D/2), and 1 - 2 e_k is the mean of vote × tanh(D/2) over what k voted on: both in turn.

    That some pairs are harder than others is not in the model: errors come out a little smaller than those against the
    truth, of all annotators alike.

    Args:
        signed: Votes for the first side minus votes for the second, sparse (pairs, annotators).
        cast: Votes cast, of the same shape.
        known: 1 or -1 where the first or second side is known to be right, else 0, (pairs,).
    """
    is_known = known != 0
    truth = np.where(is_known, known, np.sign(np.asarray(signed.sum(axis=1)).ravel()))
    votes = np.asarray(cast.sum(axis=0)).ravel()
    balance = np.asarray(signed.T @ truth).ravel() / votes
    for _ in range(ITERATIONS):
        odds = 2 * np.arctanh(_held(balance, cast))
        truth = np.where(is_known, known, np.tanh(np.asarray(signed @ odds).ravel() / 2))
        before, balance = balance, np.asarray(signed.T @ truth).ravel() / votes
        if np.abs(balance - before).max() < CONVERGED:
            break
    return AnnotatorFit(signed, cast, truth, is_known, balance)


def _held(balance: Floats, cast: Any) -> Floats:
    """Keep a balance off ±1 by as much as n votes cannot tell: nobody's word alone settles a pair."""
    most = 1 - 1 / (1 + np.asarray(cast.sum(axis=0)).ravel())
    return np.clip(balance, -most, most)
