"""13-grams against plain sets of word tuples."""

from __future__ import annotations

import random

from rmx.data.contamination.ngrams import NGRAM, NgramIndex
from rmx.data.text import normalise, word_list


def grams(text: str) -> list[tuple[str, ...]]:
    words = word_list(text)
    return [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]


def random_texts(rng: random.Random, n: int, *, vocabulary: int) -> list[str]:
    return [" ".join(f"w{rng.randrange(vocabulary)}" for _ in range(rng.randrange(0, 60))) for _ in range(n)]


def test_shared_runs_are_those_of_sets_of_word_tuples() -> None:
    rng = random.Random(0)
    judged = random_texts(rng, 300, vocabulary=400)
    train = random_texts(rng, 500, vocabulary=500)
    for text in rng.sample(judged, 60):
        words = text.split()
        start = rng.randrange(0, max(1, len(words) - NGRAM + 1))
        other = train[rng.randrange(len(train))]
        train.append(f"{other} {' '.join(words[start : start + rng.randrange(10, 20)])} {other}")
    index = NgramIndex(judged)
    index.mark(train[:200], 0)
    index.mark(train[200:], 200)

    first: dict[tuple[str, ...], int] = {}
    for number, text in enumerate(train):
        for gram in grams(text):
            first.setdefault(gram, number)
    expected = []
    for text in judged:
        mine = grams(text)
        known = [first[gram] for gram in mine if gram in first]
        expected.append((len(mine), len(known), list(dict.fromkeys(known))))
    assert list(index.shared()) == expected
    assert sum(common > 0 for _, common, _ in expected) > 20


def test_more_texts_than_a_chunk_and_none_at_all() -> None:
    long = " ".join(f"x{i}" for i in range(NGRAM))
    judged = ["short"] * 5000 + [long]
    index = NgramIndex(judged)
    index.mark(["nothing"] * 4500 + [f"before {long} after"], 7)
    found = list(index.shared())
    assert found[:5000] == [(0, 0, [])] * 5000
    assert found[5000] == (1, 1, [4507])
    empty = NgramIndex([])
    empty.mark([long], 0)
    assert list(empty.shared()) == []
    few = NgramIndex(["a b c"])
    few.mark([long, ""], 0)
    assert list(few.shared()) == [(0, 0, [])]


def test_a_run_does_not_cross_the_end_of_a_text_and_ignores_punctuation() -> None:
    words = [f"x{i}" for i in range(NGRAM)]
    index = NgramIndex([" ".join(words)])
    index.mark([" ".join(words[:7]), " ".join(words[7:])], 0)
    assert list(index.shared()) == [(1, 0, [])]
    index.mark([normalise("So: " + ", ".join(words).upper() + "!")], 2)
    assert list(index.shared()) == [(1, 1, [2])]
