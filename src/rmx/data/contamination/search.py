"""The search itself: train is read once, as a stream of its distinct texts, against everything that judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rmx.data.contamination.ngrams import NGRAM, NgramIndex
from rmx.data.contamination.record import Contamination, Hit, Kind, count_hits
from rmx.data.near_duplicates import MIN_WORDS, near_duplicate_links
from rmx.data.text import digest, normalise, opening_turn
from rmx.data.turns import said
from rmx.domain import PreferencePair

__all__ = ["Item", "find_contamination", "pair_item"]

_SHOWN = 10
"""Train ids given with a hit."""
_CHUNK = 4096


class Item(NamedTuple):
    """What is compared: a preference pair, or one entry of a benchmark."""

    item_id: str
    group: str
    opening: str
    """The prompt; of a dialogue, its first user turn (`rmx.data.text.opening_turn`)."""
    turns: tuple[str, ...]
    """Every turn of the prompt."""
    responses: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them."""
        return (self.opening, *self.turns, *self.responses)


def pair_item(pair: PreferencePair) -> Item:
    """Return a preference pair as an item."""
    turns = tuple(said(message.content) for message in pair.prompt)
    return Item(pair.pair_id, pair.group, opening_turn(pair.prompt), turns, (said(pair.chosen), said(pair.rejected)))


def find_contamination(
    train: Sequence[Item], others: Mapping[str, Sequence[Item]], *, jaccard: float | None
) -> Contamination:
    """Return what train knows of every slice or benchmark.

    Texts are the same if they agree after NFKC, case folding and collapsing white space. An item is hit as
      prompt       its prompt (of a dialogue: the opening turn) is the prompt of a train pair;
      pair         and so are all its turns and responses, whichever was preferred;
      response     a response of at least eight words is a response in train, under whatever prompt;
      near_prompt  its prompt, no copy, has Jaccard similarity >= `jaccard` with one in train (None: not searched);
      ngram        13 words of one of its texts stand in a row in some train text.

    Args:
        train: the pairs that are trained on.
        others: items by name of their slice or benchmark.
        jaccard: threshold of near-duplicate prompts of at least eight words.
    """
    items = [item for part in others.values() for item in part]
    normal = {text: normalise(text) for item in items for text in item.texts}
    prompts = dict.fromkeys(normal[item.opening] for item in items)
    near = {} if jaccard is None else _near_prompts(train, prompts, jaccard)
    train_texts = list(dict.fromkeys(text for item in train for text in item.texts))
    copies, grams = _read(train_texts, list(dict.fromkeys(normal.values())))
    wanted = {train_texts[number] for _, _, numbers in grams.values() for number in numbers}
    known = _locate(train, copies, wanted, {text for found in near.values() for text, _ in found})

    def hits(name: str, item: Item) -> Iterator[Hit]:
        prompt = normal[item.opening]
        if same := known.prompts.get(prompt):
            yield _hit(name, "prompt", item, same)
            if same := known.pairs.get(_pair_key(item, normal)):
                yield _hit(name, "pair", item, same)
        elif prompt in near:
            same = [train_id for text, _ in near[prompt] for train_id in known.near_prompts[text]]
            yield _hit(name, "near_prompt", item, same, max(jaccard for _, jaccard in near[prompt]))
        if same := [i for text in dict.fromkeys(item.responses) for i in known.responses.get(normal[text], ())]:
            yield _hit(name, "response", item, list(dict.fromkeys(same)))
        found = [grams[text] for text in dict.fromkeys(normal[text] for text in item.texts)]
        if any(common for _, common, _ in found):
            holders = [known.holders[train_texts[number]] for _, _, first in found for number in first]
            share = sum(common for _, common, _ in found) / sum(total for total, _, _ in found)
            yield _hit(name, "ngram", item, list(dict.fromkeys(holders)), share)

    by_slice = {name: [hit for item in part for hit in hits(name, item)] for name, part in others.items()}
    unsearched: tuple[Kind, ...] = ("near_prompt",) if jaccard is None else ()
    summary = {
        "by_slice": {
            name: count_hits(len(part), len({i.group for i in part}), by_slice[name], unsearched=unsearched)
            for name, part in others.items()
        },
        "ngram_words": NGRAM,
        "jaccard": jaccard,
    }
    return Contamination(summary, tuple(hit for found in by_slice.values() for hit in found))


def _hit(name: str, kind: Kind, item: Item, train_ids: Sequence[str], share: float = 1.0) -> Hit:
    return Hit(name, kind, item.item_id, tuple(train_ids[:_SHOWN]), len(train_ids), share)


def _near_prompts(train: Sequence[Item], prompts: Iterable[str], jaccard: float) -> dict[str, list[tuple[str, float]]]:
    """Return the near-duplicates in train of each normalised prompt that is not itself there."""
    mine = dict.fromkeys(normalise(text) for text in dict.fromkeys(item.opening for item in train))
    texts = [*mine, *(text for text in prompts if text not in mine)]
    near: dict[str, list[tuple[str, float]]] = {}
    # With nothing to add, train would be held against itself in vain.
    for link in near_duplicate_links(texts, jaccard) if len(texts) > len(mine) else ():
        # Train comes first, and `first` is the smaller position.
        if link.first < len(mine) <= link.second:
            near.setdefault(texts[link.second], []).append((texts[link.first], link.jaccard))
    return near


Grams = dict[str, tuple[int, int, list[int]]]


def _read(train_texts: Sequence[str], texts: Sequence[str]) -> tuple[dict[str, str], Grams]:
    """Stream train's distinct texts past the normalised `texts` of the items.

    Returns:
        The train texts that are copies, with their normalised form; and for each of `texts` its 13-grams, how many of
        them train holds, and in which train texts they were first met.
    """
    index, known = NgramIndex(texts), set(texts)
    copies: dict[str, str] = {}
    for start in range(0, len(train_texts), _CHUNK):
        chunk = train_texts[start : start + _CHUNK]
        normal = [normalise(text) for text in chunk]
        copies.update((raw, text) for raw, text in zip(chunk, normal, strict=True) if text in known)
        index.mark(normal, start)
    return copies, dict(zip(texts, index.shared(), strict=True))


@dataclass
class _Known:
    """Ids of train pairs by what of the items they hold; texts normalised."""

    prompts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    near_prompts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    responses: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    pairs: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    holders: dict[str, str] = field(default_factory=dict)
    """One id for each train text, as it stands, that shares 13-grams."""


def _locate(train: Sequence[Item], copies: Mapping[str, str], wanted: set[str], near: set[str]) -> _Known:
    known = _Known()
    # Many pairs share the very same opening turn: normalise each spelling once.
    spelled: dict[str, str] = {}
    for item in train:
        opening = item.opening
        if opening in copies:
            known.prompts[copies[opening]].append(item.item_id)
            if all(text in copies for text in item.texts):
                known.pairs[_pair_key(item, copies)].append(item.item_id)
        if near:
            if opening not in spelled:
                spelled[opening] = normalise(opening)
            if spelled[opening] in near:
                known.near_prompts[spelled[opening]].append(item.item_id)
        for response in dict.fromkeys(item.responses):
            if response in copies and copies[response].count(" ") >= MIN_WORDS - 1:
                known.responses[copies[response]].append(item.item_id)
        for text in item.texts:
            if text in wanted:
                known.holders.setdefault(text, item.item_id)
    return known


def _pair_key(item: Item, normal: Mapping[str, str]) -> str:
    turns, responses = ([normal[text] for text in part] for part in (item.turns, item.responses))
    return digest(*turns, "", *sorted(responses))
