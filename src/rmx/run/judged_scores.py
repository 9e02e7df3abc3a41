"""The judged scorer's numbers on every slice, in whichever shape it gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.data.comparison import Rejection
from rmx.errors import DataError
from rmx.run.corpus import SliceData, TextSlice
from rmx.run.rescoring import rescore
from rmx.run.scoring import build_evidence, build_pairwise_evidence
from rmx.run.text_slices import build_text_slice, without_unscored
from rmx.score_table import CandidateTable
from rmx.scorers.base import PairwiseJudge, Scored, Scorer, TextScorer
from rmx.scorers.kind import JudgedScorer
from rmx.scorers.reward_model import Reward, RewardModelScorer
from rmx.scorers.slice_parts import find_parts

__all__ = ["JudgedScores", "score_judged"]


@dataclass(frozen=True)
class JudgedScores:
    """Scores of every slice."""

    slices: Mapping[str, TextSlice]
    """Without what could not be scored."""
    scored: Mapping[str, Scored]
    pairwise: bool
    """The values are margins of pairs."""
    rescored: Mapping[str, CandidateTable] = field(default_factory=dict)
    """Texts scored again in ways that must not matter, of a scorer that reads token ids."""

    def evidence(self, baselines: Sequence[Scorer], ledger: Mapping[str, Any] | None) -> Evidence:
        """Return what the audits read, the baselines scored on the same texts beside the judged scorer."""
        if self.pairwise:
            margins = {name: {"model": s.values, **s.parts} for name, s in self.scored.items()}
            return build_pairwise_evidence(self.slices, margins, baselines, ledger)
        rewards = {name: s.values for name, s in self.scored.items()}
        parts = {name: s.parts for name, s in self.scored.items()}
        return build_evidence(self.slices, rewards, baselines, ledger, self.rescored, parts)


def score_judged(
    scorer: JudgedScorer, slices: Mapping[str, TextSlice], audits: Sequence[Audit], *, limit: float, cache: Path
) -> JudgedScores:
    """Score every slice once.

    Args:
        scorer: The judged scorer.
        slices: What it is judged on; with token ids where it reads them.
        audits: Those that are configured.
        limit: Share of a slice's pairs that may leave without a score.
        cache: The directory of `paths.cache`.

    Raises:
        DataError: A text that a scorer of token ids cannot read, more than `limit` without a score, or a wrong number
            of scores.
    """
    if isinstance(scorer, Reward):
        model = RewardModelScorer(scorer, cache_dir=cache / "tokens")
        scored = _whole_then_parts(slices, lambda data: Scored(model.score(data.texts.candidates)))
        encoded = {name: data for name, data in slices.items() if isinstance(data, SliceData)}
        again = rescore(audits, encoded, scorer.network, scorer.batch, scorer.device)
        return JudgedScores(slices, scored, False, again)
    if isinstance(scorer, PairwiseJudge):
        kept = {name: _judge(scorer, data, limit) for name, data in slices.items()}
    else:
        whole = _whole_then_parts(slices, partial(_score, scorer))
        kept = {name: without_unscored(slices[name], scored, limit=limit) for name, scored in whole.items()}
    kept_slices = {name: data for name, (data, _) in kept.items()}
    found = {name: scored for name, (_, scored) in kept.items()}
    _warn_of_constants(found)
    return JudgedScores(kept_slices, found, isinstance(scorer, PairwiseJudge))


def _whole_then_parts(slices: Mapping[str, TextSlice], score: Callable[[TextSlice], Scored]) -> dict[str, Scored]:
    """Return the scores of every slice; one whose texts all stand in another has been scored there."""
    parts = find_parts({name: data.texts for name, data in slices.items()})
    whole = {name: score(data) for name, data in slices.items() if name not in parts}
    return {
        name: whole[parts[name].whole].take(parts[name].places) if name in parts else whole[name] for name in slices
    }


def _score(scorer: TextScorer, data: TextSlice) -> Scored:
    scored = scorer.score_texts(data.texts.candidates)
    _check(scored, len(data.texts.candidates), data.slice.name)
    return scored


def _judge(judge: PairwiseJudge, data: TextSlice, limit: float) -> tuple[TextSlice, Scored]:
    pairs = data.slice.pairs
    scored = judge.score_pairs(pairs)
    _check(scored, len(pairs), data.slice.name)
    if not scored.reasons:
        return data, scored
    first = next(iter(scored.reasons.values()))
    told = f"slice {data.slice.name}: {len(scored.reasons):,} of {len(pairs):,} pairs have no verdict, first {first}"
    if len(scored.reasons) > limit * len(pairs):
        raise DataError(f"{told}; mend the judge, or raise data.max_defects")
    print(f"note: {told}")
    gone = [
        Rejection(pairs[i].pair_id, pairs[i].origin, code, detail)
        for i, (code, _, detail) in ((i, reason.partition(": ")) for i, reason in scored.reasons.items())
    ]
    rows = np.array([i for i in range(len(pairs)) if i not in scored.reasons], np.int64)
    parts = {name: values[rows] for name, values in scored.parts.items()}
    return build_text_slice(data.slice.drop(gone), ()), replace(
        scored, values=scored.values[rows], reasons={}, parts=parts
    )


def _check(scored: Scored, wanted: int, slice: str) -> None:
    for name, values in {"the scorer": scored.values, **scored.parts}.items():
        if values.shape != (wanted,):
            raise DataError(
                f"slice {slice}: {name} gave {values.size:,} scores for {wanted:,}; it must give one for each"
            )


def _warn_of_constants(found: Mapping[str, Scored]) -> None:
    for name, scored in found.items():
        values = scored.values[np.isfinite(scored.values)]
        if len(values) > 1 and (values == values[0]).all():
            print(f"note: slice {name}: all {len(values):,} scores are {values[0]:g}: the scorer tells nothing apart")
