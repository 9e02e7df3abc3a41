"""Near-duplicate texts: MinHash candidates, each verified by the exact Jaccard similarity of its word sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmx.data.text import words

__all__ = ["MIN_WORDS", "Link", "near_duplicate_links"]

MIN_WORDS = 8
"""Texts with fewer words are only ever exact duplicates: one shared phrase would make them look alike."""

_BANDS, _ROWS = 25, 5
"""A pair of similarity s becomes a candidate with probability 1 - (1 - s^5)^25: .9999 at .8, .55 at .5."""
_NEIGHBOURS = 24
"""Within a band's bucket a text meets this many neighbours in the order of its whole signature. Buckets are rarely
larger; where one is (thousands of texts from one template), this keeps the cost linear."""
_SLACK = 4.5 * (0.25 / (_BANDS * _ROWS)) ** 0.5
"""Candidates whose estimated similarity is this far below the threshold are not verified (4.5 standard errors)."""
_CHUNK = 10_000


class Link(NamedTuple):
    """Two texts by their position, the first the smaller, and their exact Jaccard similarity."""

    first: int
    second: int
    jaccard: float


def near_duplicate_links(texts: Sequence[str], threshold: float) -> list[Link]:
    """Return links between distinct normalised texts of at least eight words with Jaccard similarity >= threshold.

    Similarity is that of the sets of words. Links are ordered from the most to the least similar.
    """
    eligible = [i for i, text in enumerate(texts) if text.count(" ") >= MIN_WORDS - 1]
    if len(eligible) < 2:
        return []
    signatures = _signatures([texts[i] for i in eligible])
    links: list[Link] = []
    sets: dict[int, frozenset[str]] = {}
    for a, b in _candidates(signatures, threshold):
        i, j = eligible[a], eligible[b]
        for k in (i, j):
            if k not in sets:
                sets[k] = words(texts[k])
        shared = len(sets[i] & sets[j])
        union = len(sets[i]) + len(sets[j]) - shared
        if union and shared >= threshold * union:
            links.append(Link(min(i, j), max(i, j), shared / union))
    links.sort(key=lambda link: (-link.jaccard, link.first, link.second))
    return links


def _signatures(texts: list[str]) -> NDArray[np.uint32]:
    """Return (n, 125) MinHash signatures."""
    from rensa import RMinHash

    parts = []
    # In chunks: the digests cross from Rust as Python integers.
    for start in range(0, len(texts), _CHUNK):
        sets = [list(words(text)) for text in texts[start : start + _CHUNK]]
        matrix = RMinHash.digest_matrix_from_token_sets(sets, num_perm=_BANDS * _ROWS, seed=42)
        parts.append(np.array(matrix.to_rows(), np.uint32))
    return np.concatenate(parts)


def _candidates(signatures: NDArray[np.uint32], threshold: float) -> list[tuple[int, int]]:
    """Return pairs of rows that agree on a whole band and look similar enough over the whole signature."""
    n, width = signatures.shape
    codes: list[NDArray[np.int64]] = []
    for band in range(_BANDS):
        rotated = np.roll(signatures, -band * _ROWS, axis=1)
        # Bucket = equal first rows; further rows order a bucket so that similar texts are neighbours.
        order = np.lexsort(rotated[:, 2 * _ROWS - 1 :: -1].T)
        keys = rotated[order, :_ROWS]
        bucket = np.concatenate([[0], np.cumsum(np.any(keys[1:] != keys[:-1], axis=1))])
        for step in range(1, min(_NEIGHBOURS, n - 1) + 1):
            same = np.flatnonzero(bucket[step:] == bucket[:-step])
            if not len(same):
                break
            a, b = order[same].astype(np.int64), order[same + step].astype(np.int64)
            codes.append(np.minimum(a, b) * n + np.maximum(a, b))
    if not codes:
        return []
    unique = np.unique(np.concatenate(codes))
    kept: list[tuple[int, int]] = []
    for start in range(0, len(unique), _CHUNK):
        a, b = np.divmod(unique[start : start + _CHUNK], n)
        estimate = np.count_nonzero(signatures[a] == signatures[b], axis=1) / width
        likely = estimate >= threshold - _SLACK
        kept.extend(zip(a[likely].tolist(), b[likely].tolist(), strict=True))
    return kept
