"""Slices for scorers that read texts and no token ids, and what leaves them without a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rmx.audits.base import Audit
from rmx.data.comparison import Rejection
from rmx.data.slices import Slice
from rmx.data.text import TOKENS
from rmx.data.turns import said
from rmx.domain import Message
from rmx.errors import DataError
from rmx.run.corpus import TextSlice, edit_requests, slice_comparisons
from rmx.scorers.base import MISSING, Scored
from rmx.scorers.slice_texts import collect_texts

__all__ = ["build_text_slice", "without_unscored", "word_count"]


def word_count(text: str) -> int:
    """Return how many words and punctuation marks a text has, at least 1: lengths are compared by their ratio."""
    return max(1, sum(1 for _ in TOKENS.finditer(text)))


def build_text_slice(slice: Slice, audits: Sequence[Audit]) -> TextSlice:
    """Number the texts of a slice and the edits that audits want of it; lengths are counted in words."""
    texts = collect_texts(slice.name, slice.pairs, edit_requests(audits, slice.name), slice.samples)
    lengths = [_prompt_words(pair.prompt) for pair in slice.pairs]
    counted = texts.with_tokens([word_count(said(c.completion)) for c in texts.candidates])
    return TextSlice(slice, counted, slice_comparisons(slice, lengths))


def without_unscored(data: TextSlice, scored: Scored, *, limit: float) -> tuple[TextSlice, Scored]:
    """Return a slice without the texts that got no score, and the scores of what is left.

    An edited text leaves alone, a pair with both its sides, a sampled prompt with all its samples; what leaves is said.

    Args:
        data: The slice.
        scored: The scores of its texts, in the order of `texts.candidates`.
        limit: Share of the pairs, or sampled prompts, that may leave.

    Raises:
        DataError: More leave, or a text that is no edit was not given what it needs.
    """
    if not scored.reasons:
        return data, scored
    slice, texts = data.slice, data.texts
    original = {use.text for use in texts.uses if not use.probe}
    wrong = [number for number in sorted(scored.reasons) if number in original]
    missing = [number for number in wrong if scored.reasons[number].startswith(f"{MISSING}:")]
    if missing:
        text = texts.candidates[missing[0]]
        raise DataError(
            f"slice {slice.name}: {len(missing):,} of {len(original):,} texts have no score, first candidate "
            f"{text.candidate_id} ({scored.reasons[missing[0]].partition(': ')[2]}); add them, or leave their pairs out"
        )
    rejections = _rejections(data, scored)
    size = len(slice.pairs) or len(slice.samples)
    if len(rejections) > limit * size:
        first = scored.reasons[wrong[0]]
        raise DataError(
            f"slice {slice.name}: {len(rejections):,} of {size:,} leave without a score, first {first}; "
            "mend the scorer, or raise data.max_defects"
        )
    kept, numbers = _without(data, {r.pair_id for r in rejections}, set(scored.reasons))
    edits = len(scored.reasons) - len(wrong)
    first = next(iter(scored.reasons.values()))
    print(f"note: slice {slice.name}: without a score {len(rejections):,} of {size:,} and {edits:,} edits ({first})")
    parts = {name: values[numbers] for name, values in scored.parts.items()}
    return replace(kept, slice=slice.drop(rejections)), Scored(scored.values[numbers], {}, parts)


def _prompt_words(prompt: Sequence[Message]) -> int:
    return sum(word_count(said(message.content)) for message in prompt)


def _rejections(data: TextSlice, scored: Scored) -> list[Rejection]:
    """Return the pairs, or sampled prompts, one of whose texts has no score."""
    found = []
    for pair, sides in zip(data.slice.pairs, zip(data.texts.chosen, data.texts.rejected, strict=True), strict=True):
        reason = next((scored.reasons[int(i)] for i in sides if int(i) in scored.reasons), None)
        if reason is not None:
            found.append(Rejection(pair.pair_id, pair.origin, *_split(reason)))
    by_text = {(c.prompt, c.completion): scored.reasons.get(i) for i, c in enumerate(data.texts.candidates)}
    for sampled in data.slice.samples:
        reason = next(filter(None, (by_text[sampled.prompt, c] for c in sampled.completions)), None)
        if reason is not None:
            found.append(Rejection(sampled.prompt_id, sampled.origin, *_split(reason)))
    return found


def _split(reason: str) -> tuple[str, str]:
    code, _, detail = reason.partition(": ")
    return code, detail


def _without(data: TextSlice, gone: set[str], unscored: set[int]) -> tuple[TextSlice, np.ndarray]:
    """Return the slice without pairs or sampled prompts and all that only they use, and the numbers that stay."""
    texts = data.texts
    rows = [i for i, pair in enumerate(texts.pairs) if pair.pair_id not in gone]
    prompts = {s.prompt for s in data.slice.samples if s.prompt_id in gone}
    used = {*texts.chosen[rows].tolist(), *texts.rejected[rows].tolist()}
    used |= {u.text for u in texts.uses if u.count is not None and texts.candidates[u.text].prompt not in prompts}
    sources = {texts.candidates[i].candidate_id for i in used}
    uses = [
        use
        for use in texts.uses
        if (use.text in used if not use.probe else use.text not in unscored and use.source_id in sources)
    ]
    numbers = sorted({use.text for use in uses})
    new = {old: i for i, old in enumerate(numbers)}
    kept = replace(
        texts,
        pairs=tuple(texts.pairs[i] for i in rows),
        candidates=tuple(texts.candidates[i] for i in numbers),
        uses=tuple(replace(use, text=new[use.text]) for use in uses),
        chosen=np.array([new[i] for i in texts.chosen[rows].tolist()], np.int64),
        rejected=np.array([new[i] for i in texts.rejected[rows].tolist()], np.int64),
    )
    lengths = [_prompt_words(pair.prompt) for pair in kept.pairs]
    slice = replace(data.slice, pairs=kept.pairs)
    return TextSlice(data.slice, kept, slice_comparisons(slice, lengths)), np.array(numbers, np.int64)
