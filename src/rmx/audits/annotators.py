"""A12: whose votes are worse than the others', and do they guess or vote the other way round?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.family import q_values
from rmx.audits.statistics import Clusters, Interval, proportion_above, proportion_interval
from rmx.audits.statistics.dawid_skene import AnnotatorFit, fit_annotators
from rmx.audits.votes import NOT_IDENTIFIABLE, Ballots, read_ballots
from rmx.domain import AuditResult

__all__ = ["Annotators"]

Floats = NDArray[np.float64]

LISTED = 50
"""Annotators whose numbers stand in `detail`, the worst first; those that are named always do."""


@dataclass(frozen=True, kw_only=True)
class Annotators(Audit):
    """Names the annotators who err more often than the others: who guesses, and who votes the other way round.

    An error is a vote against the right side: the known one where the pair has tag `golden`, else the side that the
    votes themselves make likely (Dawid & Skene 1979; see `fit_annotators`). `pool_error` is how often a vote errs on
    these pairs: the mean weighted by votes × max(0, 1 - 2 error), to which people who guess add little. Whoever errs
    significantly more than that of all others (q below `level` among the annotators, Benjamini & Hochberg 1995) and at
    least `floor` more is named: `flagged_count` counts them, `worst_error` is the largest error of all. A named one
    `inverts` if the error is above one half, corrected alike, and `guesses` otherwise.

    Reads tag `ballots`: [[annotator, chosen, rejected or tie], ...]. Ties are left out, as are pairs with an even
    number of votes where even splits never occur. Who has another taste than most people counts as erring, and hard
    pairs make everybody err: names are a reason to read votes again, not a verdict on people.
    """

    pool: tuple[str, ...] = ("validation", "disputed")
    """Slices whose pairs are added: divided votes are often kept apart from the judged slice."""
    least_votes: int = 20
    """Votes of an annotator who is judged; all others are taken together, and not judged."""
    floor: float = 0.05
    """How much more often than the pool an annotator errs who is named."""
    level: float = 0.05
    """False discovery rate among those named."""

    name: ClassVar[str] = "annotators"
    metrics: ClassVar[tuple[str, ...]] = ("flagged_count", "worst_error", "pool_error")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least_votes < 1:
            raise ValueError(f"least_votes must be at least 1, not {self.least_votes}")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer for one slice, the same for every scorer; `detail` has names, votes and errors with intervals.

        Raises:
            UnavailableError: No ballots, or none that tell one annotator from another.
        """
        evidence.view(slice, scorer)
        pooled = [slice, *(name for name in self.pool if name in evidence.scores and name != slice)]
        ballots = read_ballots(evidence, pooled, scorer, least=self.least_votes)
        fit = fit_annotators(ballots.signed, ballots.cast, ballots.known)
        if not fit.identified:
            raise UnavailableError(NOT_IDENTIFIABLE, f"too few pairs of {', '.join(pooled)} share three annotators")
        clusters = Clusters(ballots.groups)
        people, worst, pool = _judge(ballots, fit, clusters, floor=self.floor, level=self.level)
        named = [person for person in people if person.kind]
        detail = {
            "annotators": [person._asdict() for person in people[: max(LISTED, len(named))]],
            "judged": len(people),
            "golden_pairs": int(np.count_nonzero(ballots.known)),
            "votes": int(ballots.cast.sum()),
            "pooled": pooled,
            "left_out": ballots.left_out,
        }
        count = float(len(named))
        size: dict[str, Any] = {"slice": slice, "scorer": scorer}
        size |= {"n_pairs": len(ballots.known), "n_groups": clusters.count}
        return [
            self.answer(
                "flagged_count",
                Interval(count, count, count, f"names at a false discovery rate of {self.level:g}"),
                null_value=0.0,
                reason=f"worse than the others: {_words(named)}" if named else "",
                detail=detail,
                **size,
            ),
            self.answer("worst_error", worst, **size),
            self.answer("pool_error", pool, **size),
        ]


class _Person(NamedTuple):
    """What is known of an annotator."""

    annotator: str
    kind: str
    """guesses or inverts; empty of whoever is not named."""
    votes: int
    error: float
    ci_low: float | None
    ci_high: float | None
    excess: float
    """Error minus that of all others."""
    q_value: float
    """Of no excess."""


def _judge(
    ballots: Ballots, fit: AnnotatorFit, clusters: Clusters, *, floor: float, level: float
) -> tuple[list[_Person], Interval, Interval]:
    """Return what is known of every annotator, named ones first and then by error; the worst error; the pool's."""
    names, errors = ballots.annotators, fit.errors
    votes = np.asarray(ballots.cast.sum(axis=0)).ravel()
    columns, units = ballots.cast.tocsc(), np.eye(len(errors))
    share = 1 - 0.05 / len(names)
    above = proportion_above if fit.known.all() else _distance_above
    own, together, above_others, above_half, others = [], [], [], [], []
    for k in range(len(names)):
        cast = columns[:, [k]].toarray().ravel()
        error, influence = float(errors[k]), fit.influence(units[k])
        rest, of_rest = _typical(fit, votes * (1 - units[k]))
        error_of_excess = clusters.standard_error(fit.influence(units[k] - of_rest))
        others.append(rest)
        own.append(proportion_interval(error, influence, clusters, weights=cast))
        together.append(proportion_interval(error, influence, clusters, weights=cast, confidence=share))
        above_others.append(above(error, error_of_excess, rest, clusters, cast))
        above_half.append(above(error, clusters.standard_error(influence), 0.5, clusters, cast))
    people = []
    for k, (q, q_half) in enumerate(zip(q_values(above_others), q_values(above_half), strict=True)):
        error, excess = float(errors[k]), float(errors[k] - others[k])
        kind = ("inverts" if q_half < level else "guesses") if q < level and excess >= floor else ""
        people.append(_Person(names[k], kind, int(votes[k]), error, own[k].low, own[k].high, excess, q))
    people.sort(key=lambda person: (not person.kind, -person.error, person.annotator))
    pool, of_pool = _typical(fit, votes)
    total = np.asarray(ballots.cast.sum(axis=1)).ravel()
    return people, _largest(together), proportion_interval(pool, fit.influence(of_pool), clusters, weights=total)


def _typical(fit: AnnotatorFit, votes: Floats) -> tuple[float, Floats]:
    """Return the error of a vote that says something, and its derivative in the annotators' errors.

    The mean over annotators weighted by votes × max(0, 1 - 2 error); one half where nobody's votes say anything.
    """
    weights = votes * fit.balance.clip(min=0)
    if not weights.any():
        return 0.5, np.zeros(len(votes))
    mean = float(weights @ fit.errors / weights.sum())
    # The weights depend on the errors too: d(votes (1 - 2e))/de = -2 votes.
    slopes = weights - 2 * votes * (fit.balance > 0) * (fit.errors - mean)
    return mean, slopes / weights.sum()


def _distance_above(estimate: float, error: float, null: float, clusters: Clusters, weights: Floats) -> float:
    """Return the one-sided p-value by the distance in standard errors, arguments as those of `proportion_above`.

    An error that is held against a guessed side varies as much whether it is small or large: not like a proportion.
    """
    if not error > 0:  # wrong every time, or never
        return proportion_above(estimate, error, null, clusters, weights)
    from scipy.special import stdtr

    return float(stdtr(clusters.degrees(weights), -(estimate - null) / error))


def _largest(together: Sequence[Interval]) -> Interval:
    """Return the largest of several proportions, from intervals that hold together with 95% (Bonferroni)."""
    ends = [(x.low, x.high) for x in together if x.low is not None and x.high is not None]
    low, high = (max(end) for end in zip(*ends, strict=True)) if len(ends) == len(together) else (None, None)
    return Interval(max(x.estimate for x in together), low, high, "largest of simultaneous cluster Wilson")


def _words(named: Sequence[_Person], most: int = 10) -> str:
    """Return the first names with what they do."""
    words = [f"{person.annotator} ({person.kind}, errs in {person.error:.0%})" for person in named[:most]]
    return ", ".join(words) + (f" and {len(named) - most} more" if len(named) > most else "")
