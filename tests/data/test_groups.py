import random

import networkx as nx
import pytest

from rmx.data.groups import group_pairs, index_prompts
from rmx.data.text import normalise
from rmx.domain import Message, Origin, PreferencePair

VOCABULARY = [f"w{i}" for i in range(2000)]


def pair(k: int, prompt: str, group: str = "") -> PreferencePair:
    return PreferencePair(f"p{k}", (Message("user", prompt),), f"a{k}", f"b{k}", Origin("f", k), group=group)


def groups_of(pairs, *, near_duplicates=True):
    return group_pairs(pairs, index_prompts(pairs), near_duplicates=near_duplicates, jaccard=0.8)


def partition(names) -> set[frozenset[int]]:
    members: dict[str, set[int]] = {}
    for k, name in enumerate(names):
        members.setdefault(name, set()).add(k)
    return {frozenset(m) for m in members.values()}


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_connected_components_of_prompts_given_ids_and_near_duplicates(seed):
    rng = random.Random(seed)
    bases = [rng.choices(VOCABULARY, k=15) for _ in range(60)]
    pairs = []
    for k in range(150):
        words = list(rng.choice(bases))
        if rng.random() < 0.5:
            words[rng.randrange(15)] = rng.choice(VOCABULARY)
        prompt = "  ".join(w.upper() if rng.random() < 0.3 else w for w in words)
        pairs.append(pair(k, prompt, group=f"g{rng.randrange(40)}" if rng.random() < 0.1 else ""))
    graph = nx.Graph()
    graph.add_nodes_from(range(150))
    sets = [set(normalise(p.prompt[0].content).split()) for p in pairs]
    for i in range(150):
        for j in range(i):
            near = len(sets[i] & sets[j]) >= 0.8 * len(sets[i] | sets[j])
            if near or (pairs[i].group and pairs[i].group == pairs[j].group):
                graph.add_edge(i, j)
    expected = {frozenset(c) for c in nx.connected_components(graph)}
    grouping = groups_of(pairs)
    if max(map(len, expected)) <= 20:
        assert not grouping.cut
        assert partition(grouping.names) == expected
    assert grouping.largest == max(map(len, partition(grouping.names)))


def test_dialogues_group_by_their_opening_turn():
    first = (
        Message("system", "Be nice."),
        Message("user", "What's a QUAY?"),
        Message("assistant", "x"),
        Message("user", "More"),
    )
    second = (Message("user", "what's  a quay?"),)
    third = (Message("user", "More"),)
    pairs = [PreferencePair(str(k), p, "a", "b", Origin("f", k)) for k, p in enumerate([first, second, third])]
    assert partition(groups_of(pairs).names) == {frozenset({0, 1}), frozenset({2})}


def test_names_do_not_depend_on_order_or_on_other_pairs():
    rng = random.Random(5)
    pairs = [pair(k, " ".join(rng.choices(VOCABULARY, k=12))) for k in range(40)]
    pairs += [pair(100 + k, p.prompt[0].content + " please") for k, p in enumerate(pairs[:10])]
    named = dict(zip([p.pair_id for p in pairs], groups_of(pairs).names, strict=True))
    shuffled = rng.sample(pairs, len(pairs))
    assert dict(zip([p.pair_id for p in shuffled], groups_of(shuffled).names, strict=True)) == named
    fewer = pairs[:20]
    again = dict(zip([p.pair_id for p in fewer], groups_of(fewer).names, strict=True))
    assert {k: v for k, v in again.items() if int(k[1:]) >= 10} == {
        p.pair_id: named[p.pair_id] for p in fewer if int(p.pair_id[1:]) >= 10
    }


def test_given_ids_name_their_groups():
    pairs = [pair(0, "one", "z"), pair(1, "two", "a"), pair(2, "One"), pair(3, "two", "z")]
    assert groups_of(pairs).names == ("a", "a", "a", "a")


def test_a_group_too_large_is_cut_at_its_weakest_links():
    """Chains of prompts, each differing from the next by one word: 60 of 300 pairs would hang together, 20 may."""
    rng = random.Random(7)
    chain = [rng.choices(VOCABULARY, k=20)]
    for k in range(59):
        words = list(chain[-1])
        words[k % 20] = rng.choice(VOCABULARY)
        chain.append(words)
    prompts = [" ".join(w) for w in chain] + [" ".join(rng.choices(VOCABULARY, k=20)) for _ in range(240)]
    pairs = [pair(k, p) for k, p in enumerate(prompts)]
    grouping = groups_of(pairs)
    sizes = [len(m) for m in partition(grouping.names)]
    assert max(sizes) <= 20
    assert grouping.largest == max(sizes)
    assert grouping.cut
    # Every near-duplicate link that still parts two groups is known as cut.
    apart = {link for link in grouping.links if grouping.names[link.first] != grouping.names[link.second]}
    assert set(grouping.cut) == apart
    # A link was cut only where uniting would have exceeded the bound.
    assert all(
        grouping.names.count(grouping.names[link.first]) + grouping.names.count(grouping.names[link.second]) > 20
        for link in grouping.cut
    )


def test_near_duplicates_can_be_left_alone():
    words = " ".join(VOCABULARY[:12])
    pairs = [pair(0, words), pair(1, words + " extra")]
    assert len(set(groups_of(pairs).names)) == 1
    assert len(set(groups_of(pairs, near_duplicates=False).names)) == 2
