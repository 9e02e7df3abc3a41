"""Votes on pairs as audits read them: counts, or who cast which; and the pairs that say nothing of disagreement."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.audits.evidence import Evidence, UnavailableError
from rmx.score_table import ScoreView

__all__ = ["NOT_IDENTIFIABLE", "Ballots", "chosen_for_agreeing", "read_ballots", "vote_counts"]

NOT_IDENTIFIABLE = "not identifiable from these data"

Counts = NDArray[np.int64]
_VOTES = {"chosen": 1, "rejected": -1, "tie": 0}


def vote_counts(view: ScoreView) -> Iterator[tuple[int, int] | None]:
    """Yield, pair by pair, tag `votes` ([for chosen, for rejected, ties]) without its ties; None where there is none.

    Raises:
        UnavailableError: A tag that is no such list.
    """
    for tags, pair_id in zip(view.tags(), view.pair_ids, strict=True):
        text = tags.get("votes")
        counts = None if text is None else re.fullmatch(r"\[?\s*(\d+)\s*[,:]\s*(\d+)\s*(?:[,:]\s*\d+\s*)?\]?", text)
        if text is not None and counts is None:
            raise UnavailableError(
                f"tag votes of pair {pair_id} is {text!r}; it must be [for chosen, for rejected, ties]"
            )
        yield None if counts is None else (int(counts[1]), int(counts[2]))


def chosen_for_agreeing(chosen: Counts, rejected: Counts) -> NDArray[np.bool_]:
    """Return which pairs, (n,), have an even number of votes where even splits never occur.

    Such pairs became pairs by not being split: they show more agreement than annotators have.
    """
    return np.asarray(((chosen + rejected) % 2 == 0) & ~(chosen == rejected).any())


@dataclass(frozen=True)
class Ballots:
    """Who voted for which side of which pair. Matrices are sparse, (pairs, annotators)."""

    annotators: tuple[str, ...]
    """Those with enough votes; one more column is that of all others together, where there are any."""
    signed: Any
    """Votes for the chosen minus votes for the rejected side."""
    cast: Any
    """Votes cast, ties left out."""
    known: NDArray[np.float64]
    """1 or -1 where the chosen or rejected side is known to be right (tag `golden`), else 0, (pairs,)."""
    groups: NDArray[np.str_]
    left_out: dict[str, int]


class _Voted(NamedTuple):
    group: str
    known: float
    votes: list[tuple[str, int]]

    def count(self, vote: int) -> int:
        return sum(v == vote for _, v in self.votes)


def read_ballots(evidence: Evidence, slices: Sequence[str], scorer: str, *, least: int) -> Ballots:
    """Read tag `ballots`, [[annotator, chosen, rejected or tie], ...], of the pairs of some slices.

    Args:
        evidence: What the audits read.
        slices: Slices whose pairs are pooled.
        scorer: Whose table of each is read; the labels are the same for all.
        least: Votes that an annotator must have cast for a column of their own.

    Raises:
        UnavailableError: No pair has such a tag, one cannot be read, or there is no disagreement to learn from.
    """
    where = ", ".join(slices)
    pairs = [pair for name in slices for pair in _read(evidence.view(name, scorer))]
    if not pairs:
        raise UnavailableError("not_provided", f"no tag ballots of a pair of {where}")
    telling = [pair for pair in pairs if len(pair.votes) > 1 or (pair.known and pair.votes)]
    chosen, rejected = (np.array([pair.count(vote) for pair in telling], np.int64) for vote in (1, -1))
    agreeing = chosen_for_agreeing(chosen, rejected)
    left_out = {"fewer_than_two_votes": len(pairs) - len(telling), "even_number_of_votes": int(agreeing.sum())}
    kept = [pair for pair, out in zip(telling, agreeing, strict=True) if not out]
    if not any(pair.known for pair in kept) and not (chosen * rejected)[~agreeing].any():
        alike = f"all {len(kept)} pairs of {where} with two votes are unanimous; divided ones may be set aside"
        raise UnavailableError(NOT_IDENTIFIABLE, alike if kept else f"no pair of {where} has two votes")
    voters = Counter(name for pair in kept for name, _ in pair.votes)
    annotators = tuple(sorted(name for name, votes in voters.items() if votes >= least))
    if not annotators:
        raise UnavailableError(NOT_IDENTIFIABLE, f"no annotator has cast {least} votes on {where}")
    return _matrices(kept, annotators, len(voters) > len(annotators), left_out)


def _matrices(pairs: Sequence[_Voted], annotators: tuple[str, ...], others: bool, left_out: dict[str, int]) -> Ballots:
    from scipy.sparse import csr_array

    column = {name: k for k, name in enumerate(annotators)}
    entries = [
        (row, column.get(name, len(annotators)), vote) for row, pair in enumerate(pairs) for name, vote in pair.votes
    ]
    rows, columns, votes = np.array(entries, np.int64).T
    shape = (len(pairs), len(annotators) + others)
    signed, cast = (csr_array((x.astype(np.float64), (rows, columns)), shape=shape) for x in (votes, np.abs(votes)))
    known = np.array([pair.known for pair in pairs])
    return Ballots(annotators, signed, cast, known, np.array([pair.group for pair in pairs], dtype=str), left_out)


def _read(view: ScoreView) -> Iterator[_Voted]:
    for tags, code, pair_id in zip(view.tags(), view.group_codes, view.pair_ids, strict=True):
        if "ballots" not in tags:
            continue
        golden = tags.get("golden", "tie")
        try:
            votes = [(str(name), _VOTES[vote]) for name, vote in json.loads(tags["ballots"])]
            known = float(_VOTES[golden])
        except (ValueError, TypeError, KeyError):
            raise UnavailableError(
                f"tag ballots of pair {pair_id} is {tags['ballots']!r}, golden {golden!r}; they must be "
                '[["annotator", "chosen"], ...] and chosen or rejected'
            ) from None
        yield _Voted(view.group_names[code], known, [(name, vote) for name, vote in votes if vote])
