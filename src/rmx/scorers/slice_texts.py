"""The texts of a slice: every distinct prompt and completion once, originals and the edits that audits ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from rmx.data.samples import SampledPrompt
from rmx.domain import Candidate, LabelSource, PreferencePair
from rmx.probes import Probe
from rmx.probes.foreign import foreign_prompts
from rmx.probes.probe import Prompt, Side
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable, candidate_id, prompt_id

__all__ = ["CandidateUse", "EditRequest", "SliceTexts", "collect_texts"]


@dataclass(frozen=True, slots=True)
class EditRequest:
    """An audit's wish: edit the completions of up to `items` pairs with one probe."""

    probe: Probe
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
    count: int | None = None
    """Of a sample: how often its prompt had this text."""
    label_source: LabelSource = "unknown"
    """Whose judgement `gold` is."""


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

    def without_edits(self, numbers: Collection[int]) -> SliceTexts:
        """Return the texts without those of these numbers that are only edits; original texts stay."""
        original = {use.text for use in self.uses if not use.probe}
        kept = [i for i in range(len(self.candidates)) if i in original or i not in numbers]
        new = {old: i for i, old in enumerate(kept)}
        return replace(
            self,
            candidates=tuple(self.candidates[i] for i in kept),
            uses=tuple(replace(use, text=new[use.text]) for use in self.uses if use.text in new),
            chosen=np.array([new[i] for i in self.chosen.tolist()], np.int64),
            rejected=np.array([new[i] for i in self.rejected.tolist()], np.int64),
        )

    def scored(self, scorer: str, rewards: NDArray[np.float64]) -> CandidateTable:
        """Return the candidates table of one scorer; `rewards` is float64 (n,) in the order of `candidates`."""
        texts = [self.candidates[use.text] for use in self.uses]
        prompts = {prompt: prompt_id(prompt) for prompt in {text.prompt for text in texts}}
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
            "prompt_id": [prompts[text.prompt] for text in texts],
            "count": [use.count for use in self.uses],
            "label_source": [use.label_source if use.gold is not None else "unknown" for use in self.uses],
        }
        return CandidateTable(pa.table(columns, schema=CANDIDATE_COLUMNS))


def collect_texts(
    name: str,
    pairs: Sequence[PreferencePair],
    requests: Sequence[EditRequest] = (),
    samples: Sequence[SampledPrompt] = (),
) -> SliceTexts:
    """Number the distinct texts of a slice: of its pairs, or of its samples.

    Which pairs are edited depends on their ids alone, so that the same items are edited at every validation and for
    every scorer.
    """
    texts = _Texts()
    uses: list[CandidateUse] = []
    chosen = np.array([texts.number(p.prompt, p.chosen) for p in pairs], np.int64)
    rejected = np.array([texts.number(p.prompt, p.rejected) for p in pairs], np.int64)
    sides: tuple[tuple[Side, NDArray[np.int64]], ...] = (("chosen", chosen), ("rejected", rejected))
    for side, numbers in sides:
        # The gold of a pair's completions is known of synthetic worlds alone.
        uses += [
            CandidateUse(int(i), p.group, _gold(p, side), label_source="gold")
            for i, p in zip(numbers, pairs, strict=True)
        ]
    for sampled in samples:
        drawn = Counter(zip(sampled.completions, sampled.gold, strict=True))
        uses += [
            CandidateUse(
                texts.number(sampled.prompt, completion),
                sampled.group,
                gold,
                count=count,
                label_source=sampled.label_source,
            )
            for (completion, gold), count in drawn.items()
        ]
    order = sorted(range(len(pairs)), key=lambda i: xxhash.xxh64_hexdigest(pairs[i].pair_id.encode()))
    foreign = foreign_prompts(pairs) if requests else []
    for request in requests:
        probe = request.probe
        for i, side in product(order[: request.items], probe.sides):
            source = texts.distinct[(chosen if side == "chosen" else rejected)[i]]
            for variant, edited in probe.edit(source, foreign[i]).items():
                number = texts.number(*edited)
                uses.append(CandidateUse(number, pairs[i].group, None, probe.name, variant, source.candidate_id))
    # A text plays one part once, however many pairs share it.
    distinct_uses = {(u.text, u.probe, u.variant, u.source_id): u for u in uses}
    return SliceTexts(name, tuple(pairs), tuple(texts.distinct), tuple(distinct_uses.values()), chosen, rejected)


def _gold(pair: PreferencePair, side: Side) -> float | None:
    """Return the gold reward that a synthetic world gave a completion."""
    try:
        return float(pair.tags[f"gold_{side}"])
    except (KeyError, ValueError):
        return None


class _Texts:
    """Distinct texts in order of first appearance."""

    def __init__(self) -> None:
        self.distinct: list[Candidate] = []
        self._numbers: dict[str, int] = {}

    def number(self, prompt: Prompt, completion: str) -> int:
        identity = candidate_id(prompt, completion)
        number = self._numbers.setdefault(identity, len(self.distinct))
        if number == len(self.distinct):
            self.distinct.append(Candidate(identity, prompt, completion))
        return number
