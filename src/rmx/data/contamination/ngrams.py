"""Which runs of 13 words of some texts occur in other, far more numerous ones, whose words are never all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from rmx.data.text import word_list

__all__ = ["NGRAM", "NgramIndex"]

NGRAM = 13
"""Words, as in Brown et al. 2020 (arXiv:2005.14165, appendix C)."""
_CHUNK = 4096
"""Texts whose words are held as numbers at once."""
_FILTER_BITS = (16, 26)
"""Log2 of the least and of the largest first-look table; it spares most runs a search."""

Codes = NDArray[np.uint64]
Numbers = NDArray[np.int64]
NumberWords = Callable[[list[str]], Iterable[int]]


class NgramIndex:
    """The distinct 13-grams of the texts that are judged on, and which of them the texts of train hold.

    A 13-gram is a 64-bit polynomial hash of random word codes: some of 10^7 and of 10^8 different ones collide with
    probability 10^-4. Only words of the judging texts have a number, any other ends a run.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Index normalised texts."""
        self._numbers = _Numbers()
        self._random = np.random.default_rng(0)
        self._powers = self._random.integers(1, 1 << 63, NGRAM, dtype=np.uint64) | np.uint64(1)
        self._codes = np.zeros(1, np.uint64)
        parts = list(self._grams(texts, lambda words: map(self._numbers.__getitem__, words)))
        codes = np.concatenate([np.zeros(0, np.uint64), *(codes for _, codes in parts)])
        owner = np.concatenate([np.zeros(0, np.int64), *(owner for owner, _ in parts)])
        self._ends = np.searchsorted(owner, np.arange(len(texts) + 1))
        order = np.argsort(codes, kind="stable")
        new = np.ones(len(order), np.bool_)
        new[1:] = codes[order[1:]] != codes[order[:-1]]
        self._known = codes[order[new]]
        self._place = np.empty(len(order), np.int32)
        """Which of the distinct 13-grams each one of the texts is, text by text."""
        self._place[order] = np.cumsum(new) - 1
        self._first = np.full(len(self._known), -1, np.int64)
        bits = int(np.clip(np.ceil(np.log2(16 * len(self._known) + 1)), *_FILTER_BITS))
        self._shift = np.uint64(64 - bits)
        self._present = np.zeros(1 << bits, np.bool_)
        self._present[self._known >> self._shift] = True

    def mark(self, texts: Iterable[str], start: int) -> None:
        """Note which 13-grams these normalised texts of train hold; the first of them has number `start`."""
        get = self._numbers.get
        for owner, codes in self._grams(texts, lambda words: map(get, words, repeat(0))):
            likely = np.flatnonzero(self._present[codes >> self._shift])
            place = np.searchsorted(self._known, codes[likely])
            place[place == len(self._known)] = 0
            same = self._known[place] == codes[likely] if len(likely) else np.zeros(0, np.bool_)
            # Backwards, so that the first text with a gram is the one that stays.
            place, holder = place[same][::-1], owner[likely[same]][::-1]
            new = self._first[place] < 0
            self._first[place[new]] = holder[new] + start

    def shared(self) -> Iterator[tuple[int, int, list[int]]]:
        """Yield for every indexed text its 13-grams, how many of them train holds, and the train texts first met."""
        for begin, end in zip(self._ends[:-1].tolist(), self._ends[1:].tolist(), strict=True):
            first = self._first[self._place[begin:end]]
            known = first[first >= 0]
            yield end - begin, len(known), list(dict.fromkeys(known.tolist()))

    def _grams(self, texts: Iterable[str], number: NumberWords) -> Iterator[tuple[Numbers, Codes]]:
        """Yield by chunks of texts the code of each 13-gram, and which text (counted from 0) it stands in."""
        chunk: list[int] = []
        ends: list[int] = []
        done = 0
        for text in texts:
            chunk.extend(number(word_list(text)))
            chunk.append(0)  # no run crosses the end of a text
            ends.append(len(chunk))
            if len(ends) == _CHUNK:
                yield self._hash(np.array(chunk, np.int32), np.array(ends), done)
                done += len(ends)
                chunk, ends = [], []
        if ends:
            yield self._hash(np.array(chunk, np.int32), np.array(ends), done)

    def _hash(self, words: NDArray[np.int32], ends: Numbers, start: int) -> tuple[Numbers, Codes]:
        unseen = len(self._numbers) + 1 - len(self._codes)
        if unseen > 0:
            self._codes = np.append(self._codes, self._random.integers(1, 1 << 63, unseen, dtype=np.uint64))
        gaps = np.concatenate([[0], np.cumsum(words == 0)])
        whole = np.flatnonzero(gaps[NGRAM:] == gaps[:-NGRAM]) if len(words) >= NGRAM else np.zeros(0, np.int64)
        codes = np.zeros(len(whole), np.uint64)
        for j in range(NGRAM):
            codes += self._codes[words[whole + j]] * self._powers[j]
        return np.searchsorted(ends, whole, side="right") + start, codes


class _Numbers(dict[str, int]):
    """Numbers words from 1 as they come."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self) + 1
        return number
