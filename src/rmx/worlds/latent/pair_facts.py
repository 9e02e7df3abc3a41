"""What is true of the pairs of a law: accuracies, moments and shares, each an expectation over its nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rmx.worlds.latent.law import PairLaw
from rmx.worlds.latent.streams import Floats

__all__ = [
    "accuracy",
    "accuracy_by_agreement",
    "accuracy_by_length",
    "bayes_accuracy",
    "calibration",
    "divided_auroc",
    "level_moments",
    "margin_moments",
    "margin_quantile",
    "margin_share_below",
    "sign_changes",
    "vote_agreement",
]

HERMITE = np.polynomial.hermite_e.hermegauss(24)
"""Nodes and weights of a standard normal margin within a node."""


def _positive(law: PairLaw) -> Floats:
    from scipy.special import ndtr

    # A scorer that looks at length alone has no spread where length is known.
    return np.asarray(ndtr(law.mean / np.maximum(law.sd, 1e-12)))


def _right(law: PairLaw, first: Floats, second: Floats) -> Floats:
    """Return the chance of a node that a label is one of these and the margin agrees with it."""
    positive = _positive(law)
    return law.weight * (first * positive + second * (1 - positive))


def bayes_accuracy(law: PairLaw) -> float:
    """Return the most that any scorer can agree with the labels."""
    return float(law.weight @ np.maximum(law.first, law.second)) / law.labelled


def accuracy(law: PairLaw) -> float:
    """Return the share of labels that the scorer agrees with."""
    return float(_right(law, law.first, law.second).sum()) / law.labelled


def accuracy_by_length(law: PairLaw) -> dict[str, float]:
    """Return the accuracy where the longer and where the shorter answer is chosen, and how often it is the longer."""
    from scipy.special import ndtr

    margin, length = law.mean / np.maximum(law.sd, 1e-12), law.length_mean / np.maximum(law.length_sd, 1e-12)
    positive, longer = ndtr(margin), ndtr(length)
    both = _both_positive(margin, length, law.correlation)
    neither = 1 - positive - longer + both
    first, second = law.weight * law.first, law.weight * law.second
    chosen_longer = float(first @ longer + second @ (1 - longer))
    right_longer = float(first @ both + second @ neither)
    right_shorter = float(first @ (positive - both) + second @ (longer - both))
    return {
        "longer": right_longer / chosen_longer,
        "shorter": right_shorter / (law.labelled - chosen_longer),
        "longer_chosen": chosen_longer / law.labelled,
    }


def _both_positive(first: Floats, second: Floats, correlation: Floats) -> Floats:
    """Return the chance that two normal numbers of these means, SD 1, are both above zero.

    By Owen's T function (Owen 1956, equation 2.1).
    """
    from scipy.special import ndtr, owens_t

    h, k = (np.where(np.abs(mean) < 1e-12, 1e-12, mean) for mean in (first, second))
    root = np.sqrt(np.maximum(1 - correlation**2, 1e-24))
    apart = np.where(h * k < 0, 0.5, 0.0)
    of_h, of_k = owens_t(h, (k / h - correlation) / root), owens_t(k, (h / k - correlation) / root)
    return np.asarray((ndtr(h) + ndtr(k)) / 2 - of_h - of_k - apart)


def accuracy_by_agreement(law: PairLaw) -> dict[str, float]:
    """Return the accuracy on unanimous and on divided pairs, and the share of divided ones."""
    whole = float(law.weight @ (law.first_unanimous + law.second_unanimous))
    unanimous = float(_right(law, law.first_unanimous, law.second_unanimous).sum())
    everything, divided = accuracy(law) * law.labelled, law.labelled - whole
    return {
        "unanimous": unanimous / whole,
        "divided": (everything - unanimous) / divided if divided > 1e-9 else float("nan"),
        "divided_share": divided / law.labelled,
    }


def margin_moments(law: PairLaw) -> tuple[float, float]:
    """Return mean and standard deviation of the margin of chosen over rejected."""
    mean = float(law.weight @ ((law.first - law.second) * law.mean)) / law.labelled
    square = float(law.weight @ ((law.first + law.second) * (law.mean**2 + law.sd**2))) / law.labelled
    return mean, float(np.sqrt(square - mean**2))


def level_moments(law: PairLaw) -> tuple[float, float]:
    """Return mean and standard deviation of the rewards of all answers in labelled pairs."""
    mass = law.weight * (law.first + law.second) / law.labelled
    mean = float(mass @ law.level) / 2
    square = float(mass @ (law.level**2 + law.level_variance + law.mean**2 + law.sd**2)) / 4
    return mean, float(np.sqrt(square - mean**2))


def margin_share_below(law: PairLaw, bound: float) -> float:
    """Return the share of pairs whose margin of chosen over rejected is below a bound."""
    from scipy.special import ndtr

    first, second = ndtr((bound - law.mean) / law.sd), ndtr((bound + law.mean) / law.sd)
    return float(law.weight @ (law.first * first + law.second * second)) / law.labelled


def margin_quantile(law: PairLaw, probability: float) -> float:
    """Return the quantile of the margin of chosen over rejected."""
    from scipy.optimize import brentq

    mean, sd = margin_moments(law)
    return float(brentq(lambda x: margin_share_below(law, x) - probability, mean - 9 * sd, mean + 9 * sd, xtol=1e-9))


def calibration(law: PairLaw) -> dict[str, float]:
    """Return Brier score, negative log-likelihood, and the log of the temperature that minimises the latter."""
    from scipy.optimize import minimize_scalar
    from scipy.special import expit

    z, mass = HERMITE
    mass = mass / mass.sum()

    def expected(loss: Callable[[Floats], Floats]) -> float:
        margins = law.mean[:, None] + law.sd[:, None] * z
        return float(law.weight @ (law.first * (loss(margins) @ mass) + law.second * (loss(-margins) @ mass)))

    def nll(log_temperature: float) -> float:
        return expected(lambda d: np.logaddexp(0.0, -d * np.exp(-log_temperature))) / law.labelled

    fitted = minimize_scalar(nll, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-7})
    brier = expected(lambda d: np.asarray(expit(-d) ** 2)) / law.labelled
    return {"brier": brier, "nll": nll(0.0), "log_temperature": float(fitted.x)}


def divided_auroc(law: PairLaw) -> float:
    """Return the chance that a divided pair has the smaller |margin| than a unanimous one."""
    from scipy.special import ndtr

    whole = law.weight * (law.first_unanimous + law.second_unanimous)
    divided = law.weight * (law.first + law.second) - whole
    edges = np.linspace(0.0, float((np.abs(law.mean) + 7 * law.sd).max()), 257)
    below = np.empty((2, len(edges)))
    for k, edge in enumerate(edges):
        inside = ndtr((edge - law.mean) / law.sd) - ndtr((-edge - law.mean) / law.sd)
        below[:, k] = whole @ inside, divided @ inside
    below /= below[:, -1:]
    return float(np.diff(below[0]) @ (below[1, 1:] + below[1, :-1]) / 2)


def sign_changes(law: PairLaw, first: float, second: float) -> float:
    """Return how often the sign of the margin differs between two scorings.

    Args:
        law: Pairs with the margin that both scorings share.
        first: SD of what the first one adds to the margin.
        second: SD of what the second one adds.
    """
    from scipy.special import ndtr

    mass = law.weight * (law.first + law.second) / law.labelled
    reach = 7 * max(first, second)
    # Cubed, so that the nodes crowd where the smaller error decides.
    margins = np.linspace(-1.0, 1.0, 1201) ** 3 * reach
    density = np.array([mass @ (np.exp(-(((x - law.mean) / law.sd) ** 2) / 2) / law.sd) for x in margins])
    up, down = ndtr(margins / max(first, 1e-12)), ndtr(margins / max(second, 1e-12))
    changes = density / np.sqrt(2 * np.pi) * (up * (1 - down) + down * (1 - up))
    return float(np.diff(margins) @ (changes[1:] + changes[:-1]) / 2)


def vote_agreement(law: PairLaw, votes: int) -> float:
    """Return how often two annotators agree, on pairs where all who were asked name a side."""
    named = law.vote_first + law.vote_second
    mass = law.weight * named**votes
    share = law.vote_first / np.maximum(named, 1e-300)
    return float(mass @ (share**2 + (1 - share) ** 2) / mass.sum())
