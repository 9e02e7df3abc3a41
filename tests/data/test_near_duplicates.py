import random
import time
from itertools import combinations

import pytest
from datasketch import MinHash, MinHashLSH

from rmx.data.near_duplicates import MIN_WORDS, near_duplicate_links
from rmx.data.text import normalise, words

VOCABULARY = [f"w{i}" for i in range(3000)]


def planted(n: int, seed: int) -> list[str]:
    """Texts of 12 to 40 words, each followed by a variant with one to four words swapped."""
    rng = random.Random(seed)
    texts = []
    for _ in range(n):
        text = rng.choices(VOCABULARY, k=rng.randint(12, 40))
        texts.append(" ".join(text))
        for k in rng.sample(range(len(text)), rng.randint(1, 4)):
            text[k] = rng.choice(VOCABULARY)
        texts.append(" ".join(text))
    return list(dict.fromkeys(texts))


def brute_force(texts: list[str], threshold: float) -> dict[tuple[int, int], float]:
    sets = [set(t.split()) for t in texts]
    found = {}
    for i, j in combinations(range(len(texts)), 2):
        if min(len(texts[i].split()), len(texts[j].split())) >= MIN_WORDS:
            similarity = len(sets[i] & sets[j]) / len(sets[i] | sets[j])
            if similarity >= threshold:
                found[i, j] = similarity
    return found


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_links_are_those_of_brute_force(threshold):
    texts = planted(300, seed=1)
    expected = brute_force(texts, threshold)
    found = {(link.first, link.second): link.jaccard for link in near_duplicate_links(texts, threshold)}
    assert len(expected) > 50
    assert set(found) <= set(expected)
    assert all(found[pair] == pytest.approx(expected[pair]) for pair in found)
    # The banding misses a pair at .7 with probability .01, at .8 with .0001.
    assert len(found) >= 0.97 * len(expected)


def test_at_least_what_datasketch_finds():
    texts = planted(300, seed=2)
    lsh = MinHashLSH(threshold=0.8, num_perm=128)
    sketches = []
    for i, text in enumerate(texts):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([w.encode() for w in set(text.split())])
        sketches.append(sketch)
        lsh.insert(i, sketch)
    exact = brute_force(texts, 0.8)
    theirs = {(i, j) for i, s in enumerate(sketches) for j in lsh.query(s) if i < j} & set(exact)
    ours = {(link.first, link.second) for link in near_duplicate_links(texts, 0.8)}
    assert len(theirs) > 50
    assert len(ours & theirs) >= 0.99 * len(theirs)


def test_links_come_strongest_first_and_short_texts_have_none():
    texts = [
        " ".join(VOCABULARY[:20]),
        " ".join(VOCABULARY[1:20]),
        " ".join(VOCABULARY[2:20]),
        "a b c d e f g",
        "a b c d e f h",
    ]
    links = near_duplicate_links(texts, 0.8)
    assert [link.jaccard for link in links] == sorted((link.jaccard for link in links), reverse=True)
    assert {(link.first, link.second) for link in links} == {(0, 1), (1, 2), (0, 2)}
    assert near_duplicate_links([], 0.8) == []


def test_many_texts_from_one_template_stay_cheap():
    """Below the threshold but in the same buckets: the cost must not become quadratic."""
    rng = random.Random(3)
    head = " ".join(VOCABULARY[:15])
    texts = list(dict.fromkeys(f"{head} {' '.join(rng.choices(VOCABULARY[15:], k=6))}" for _ in range(4000)))
    start = time.perf_counter()
    links = near_duplicate_links(texts, 0.8)
    assert time.perf_counter() - start < 20
    sets = [set(t.split()) for t in texts]
    assert all(len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= 0.8 for a, b, _ in links)


def test_words_ignore_punctuation_and_case_of_normalised_text():
    assert words(normalise("What is  X? (Really!)")) == words(normalise("what is x really"))
