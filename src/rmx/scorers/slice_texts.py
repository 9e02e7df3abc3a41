"""The texts of a slice: every distinct prompt and completion once, originals and the edits that audits ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from rmx.domain import Candidate, PreferencePair
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable, candidate_id

__all__ = ["CandidateUse", "EditRequest", "SliceTexts", "collect_texts"]

Editor = Callable[[str, str], Mapping[str, str]]
"""(completion, key) -> {variant: edited completion}; a variant that cannot be made is absent."""


@dataclass(frozen=True, slots=True)
class EditRequest:
    """An audit's wish: edit the chosen completions of up to `items` pairs with one probe."""

    probe: str
    edit: Editor
    items: int


@dataclass(frozen=True, slots=True)
class CandidateUse:
    """One row of a candidates table before it is scored: a text in the part it plays."""

    text: int
    """Position in `SliceTexts.candidates`."""
    group: str
    gold: float | None = None
    probe: str = ""
    variant: str = ""
    source_id: str = ""


@dataclass(frozen=True)
class SliceTexts:
    """What a scorer has to score for one slice, and how its numbers become rows."""

    name: str
    pairs: tuple[PreferencePair, ...]
    candidates: tuple[Candidate, ...]
    """Distinct texts."""
    uses: tuple[CandidateUse, ...]
    """Originals first, then edits."""
    chosen: NDArray[np.int64]
    """Position in `candidates` of each pair's chosen completion."""
    rejected: NDArray[np.int64]

    def with_tokens(self, tokens: Sequence[int]) -> SliceTexts:
        """Return the same texts with their completion lengths in tokens filled in."""
        candidates = tuple(replace(c, tokens=int(n)) for c, n in zip(self.candidates, tokens, strict=True))
        return replace(self, candidates=candidates)

    def scored(self, scorer: str, rewards: NDArray[np.float64]) -> CandidateTable:
        """Return the candidates table of one scorer; `rewards` is float64 (n,) in the order of `candidates`."""
        texts = [self.candidates[use.text] for use in self.uses]
        columns = {
            "slice": [self.name] * len(texts),
            "group": [use.group for use in self.uses],
            "candidate_id": [text.candidate_id for text in texts],
            "scorer": [scorer] * len(texts),
            "reward": rewards[[use.text for use in self.uses]],
            "tokens": [text.tokens for text in texts],
            "gold": [use.gold for use in self.uses],
            "probe": [use.probe for use in self.uses],
            "variant": [use.variant for use in self.uses],
            "source_id": [use.source_id for use in self.uses],
        }
        return CandidateTable(pa.table(columns, schema=CANDIDATE_COLUMNS))


def collect_texts(name: str, pairs: Sequence[PreferencePair], requests: Sequence[EditRequest] = ()) -> SliceTexts:
    """Number the distinct texts of a slice.

    Which pairs are edited depends on their ids alone, so that the same items are edited at every validation and for
    every scorer.
    """
    texts = _Texts()
    uses: list[CandidateUse] = []
    chosen = np.array([texts.number(p, p.chosen) for p in pairs], np.int64)
    rejected = np.array([texts.number(p, p.rejected) for p in pairs], np.int64)
    for side in (chosen, rejected):
        uses += [CandidateUse(int(i), p.group) for i, p in zip(side, pairs, strict=True)]
    order = sorted(range(len(pairs)), key=lambda i: xxhash.xxh64_hexdigest(pairs[i].pair_id.encode()))
    for request in requests:
        for i in order[: request.items]:
            source = texts.distinct[chosen[i]]
            for variant, edited in request.edit(source.completion, source.candidate_id).items():
                number = texts.number(pairs[i], edited)
                uses.append(CandidateUse(number, pairs[i].group, None, request.probe, variant, source.candidate_id))
    # A text plays one part once, however many pairs share it.
    distinct_uses = {(u.text, u.probe, u.variant, u.source_id): u for u in uses}
    return SliceTexts(name, tuple(pairs), tuple(texts.distinct), tuple(distinct_uses.values()), chosen, rejected)


class _Texts:
    """Distinct texts in order of first appearance."""

    def __init__(self) -> None:
        self.distinct: list[Candidate] = []
        self._numbers: dict[str, int] = {}

    def number(self, pair: PreferencePair, completion: str) -> int:
        identity = candidate_id(pair.prompt, completion)
        number = self._numbers.setdefault(identity, len(self.distinct))
        if number == len(self.distinct):
            self.distinct.append(Candidate(identity, pair.prompt, completion))
        return number
