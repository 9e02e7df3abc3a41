"""Pairs and candidates as token ids: each distinct text encoded once, cached by fingerprint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from filelock import FileLock
from numpy.typing import NDArray

from rmx.data.comparison import Problem, Rejection
from rmx.data.samples import SampledPrompt
from rmx.data.text import digest
from rmx.data.token_store import Tokenised, TokenStore, read_tokenised, write_tokenised
from rmx.data.tokenise import Text, TextRenderer, tokenise
from rmx.domain import Candidate, Message, PreferencePair
from rmx.errors import DataError

__all__ = [
    "EncodedPairs",
    "TokenStore",
    "encode_candidates",
    "encode_pairs",
    "encode_renderable",
    "unreadable_pairs",
    "unscorable_samples",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs over numbered token sequences; equal texts have one number."""

    store: TokenStore
    chosen: NDArray[np.int64]
    """int64 (n,): sequence of each given pair's chosen completion."""
    rejected: NDArray[np.int64]
    """int64 (n,)."""
    rejections: tuple[Rejection, ...]
    """Pairs that must leave; their sequences may be empty or too long."""


def encode_pairs(
    renderer: TextRenderer, pairs: Sequence[PreferencePair], *, max_length: int, cache_dir: Path | None
) -> EncodedPairs:
    """Render and tokenise both sides of pairs.

    Args:
        renderer: the rendering contract.
        pairs: the comparisons.
        max_length: tokens that a side may have; a pair with a longer one leaves whole, nothing is cut.
        cache_dir: directory where token ids are kept by fingerprint; None neither reads nor writes one.

    Raises:
        DataError: no pair can stay, or the cache cannot be written.
    """
    numbers, chosen, rejected = _numbered(pairs)
    encoded = _encode(renderer, list(numbers), cache_dir)
    rejections = _rejections(encoded, pairs, chosen, rejected, max_length)
    if rejections and len(rejections) == len(pairs):
        raise DataError(_nothing_left(encoded.store, rejections, pairs, chosen, rejected, max_length))
    return EncodedPairs(encoded.store, chosen, rejected, rejections)


def unreadable_pairs(
    renderer: TextRenderer, pairs: Sequence[PreferencePair], *, max_length: int
) -> tuple[Rejection, ...]:
    """Return the pairs that `encode_pairs` would reject, be it all of them; nothing is kept of their tokens."""
    numbers, chosen, rejected = _numbered(pairs)
    return _rejections(tokenise(renderer, list(numbers)), pairs, chosen, rejected, max_length)


def encode_candidates(
    renderer: TextRenderer, candidates: Sequence[Candidate], *, cache_dir: Path | None = None
) -> TokenStore:
    """Render and tokenise candidates; sequence i is candidate i.

    Raises:
        DataError: a candidate cannot be rendered, or the cache cannot be written.
    """
    store, problems = encode_renderable(renderer, candidates, cache_dir=cache_dir)
    if problems:
        number, problem = min(problems.items(), key=lambda item: item[0])
        raise DataError(
            f"candidate {candidates[number].candidate_id}: {problem.detail} ({problem.reason}); "
            "it cannot be scored, leave it out or mend its text"
        )
    return store


def encode_renderable(
    renderer: TextRenderer, candidates: Sequence[Candidate], *, cache_dir: Path | None = None
) -> tuple[TokenStore, dict[int, Problem]]:
    """Render and tokenise candidates; sequence i is candidate i, without tokens where it cannot be rendered, and why.

    Raises:
        DataError: the cache cannot be written.
    """
    numbers: dict[Text, int] = {}
    members = np.array([numbers.setdefault((c.prompt, c.completion), len(numbers)) for c in candidates], np.int64)
    encoded = _encode(renderer, list(numbers), cache_dir)
    problems = {i: encoded.problems[n] for i, n in enumerate(members.tolist()) if n in encoded.problems}
    return encoded.store.select(members), problems


def unscorable_samples(
    renderer: TextRenderer, samples: Sequence[SampledPrompt], *, max_length: int, cache_dir: Path | None
) -> tuple[Rejection, ...]:
    """Return the sampled prompts that must leave, by prompt id: a completion cannot be rendered or is too long.

    A prompt leaves whole: without its longest samples, the best of the others would look better than it is.
    """
    texts = list(dict.fromkeys((s.prompt, completion) for s in samples for completion in s.completions))
    encoded = _encode(renderer, texts, cache_dir)
    wrong = {texts[n]: problem for n, problem in encoded.problems.items()}
    for n in np.flatnonzero(encoded.store.lengths > max_length).tolist():
        detail = f"a sample has {encoded.store.lengths[n]:,} tokens, data.max_length is {max_length:,}"
        wrong.setdefault(texts[n], Problem("over_length", detail))
    found = []
    for sampled in samples:
        problem = next((wrong[sampled.prompt, c] for c in sampled.completions if (sampled.prompt, c) in wrong), None)
        if problem is not None:
            found.append(Rejection(sampled.prompt_id, sampled.origin, problem.reason, problem.detail))
    return tuple(found)


def _numbered(
    pairs: Sequence[PreferencePair],
) -> tuple[dict[Text, int], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct texts of pairs by their numbers, and those of the chosen and rejected sides, (n,) each."""
    numbers: dict[Text, int] = {}
    chosen = np.array([numbers.setdefault((p.prompt, p.chosen), len(numbers)) for p in pairs], np.int64)
    rejected = np.array([numbers.setdefault((p.prompt, p.rejected), len(numbers)) for p in pairs], np.int64)
    return numbers, chosen, rejected


def _rejections(
    encoded: Tokenised,
    pairs: Sequence[PreferencePair],
    chosen: NDArray[np.int64],
    rejected: NDArray[np.int64],
    max_length: int,
) -> tuple[Rejection, ...]:
    found: list[Rejection] = []
    too_long = encoded.store.lengths > max_length
    wrong = too_long.copy()
    wrong[list(encoded.problems)] = True
    for i in np.flatnonzero(wrong[chosen] | wrong[rejected]).tolist():
        pair, sides = pairs[i], {"chosen": int(chosen[i]), "rejected": int(rejected[i])}
        problems = [(side, p) for side, k in sides.items() if (p := encoded.problems.get(k)) is not None]
        if problems:
            side, (reason, detail) = problems[0]
            detail = f"{side}: {detail}"
        else:
            reason = "over_length"
            counts = " and ".join(f"{s} side {encoded.store.lengths[k]:,}" for s, k in sides.items() if too_long[k])
            detail = f"{counts} tokens, data.max_length is {max_length:,}"
        found.append(Rejection(pair.pair_id, pair.origin, reason, detail))
    return tuple(found)


def _nothing_left(
    store: TokenStore,
    rejections: Sequence[Rejection],
    pairs: Sequence[PreferencePair],
    chosen: NDArray[np.int64],
    rejected: NDArray[np.int64],
    max_length: int,
) -> str:
    first = rejections[0]
    where = f"{first.origin.file} row {first.origin.row}"
    if any(r.reason != "over_length" for r in rejections):
        return f"none of {len(pairs):,} pairs can be rendered, first {where} ({first.reason}: {first.detail})"
    longest = np.maximum(store.lengths[chosen], store.lengths[rejected])
    shortest = pairs[int(longest.argmin())].origin
    return (
        f"data.max_length={max_length} is below every pair: the shortest of {len(pairs):,} has {longest.min():,} "
        f"tokens ({shortest.file} row {shortest.row}); raise data.max_length"
    )


def _encode(renderer: TextRenderer, texts: Sequence[Text], cache_dir: Path | None) -> Tokenised:
    """Tokenise distinct texts, or map them from the cache."""
    if cache_dir is None or not texts:
        return tokenise(renderer, texts)
    path = cache_dir / f"{_fingerprint(renderer, texts)}.arrow"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / f".{path.name}.lock"):
            cached = _cached(path)
            if cached is None:
                write_tokenised(path, tokenise(renderer, texts))
                # Mapped from now on, so that processes share the pages and the ids just made are freed.
                cached = read_tokenised(path)
        return cached
    except OSError as error:
        raise DataError(
            f"{cache_dir}: the cache cannot be written ({error.strerror or error}); "
            "set paths.cache to a writable directory"
        ) from None


def _cached(path: Path) -> Tokenised | None:
    """Return a cache entry, None where there is none; a damaged one is removed and said."""
    if not path.exists():
        return None
    try:
        return read_tokenised(path)
    except ValueError as error:
        _log.warning("%s: damaged cache entry (%s), made again", path, error)
        path.unlink()
        return None


def _fingerprint(renderer: TextRenderer, texts: Sequence[Text]) -> str:
    hashed = xxhash.xxh3_128(f"{renderer.template_hash}/{renderer.tokenizer_fingerprint}".encode())
    last: tuple[Message, ...] | None = None
    known = ""
    for prompt, completion in texts:
        # The completions of a prompt mostly stand side by side.
        if prompt is not last:
            last, known = prompt, digest(str(len(prompt)), *(part for message in prompt for part in message))
        hashed.update(digest(known, completion).encode())
    return hashed.hexdigest()
