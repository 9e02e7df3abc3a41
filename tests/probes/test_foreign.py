from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rmx.domain import Message, Origin, PreferencePair
from rmx.probes.foreign import foreign_prompts


def pairs_of(kinds: list[tuple[int, int]]) -> list[PreferencePair]:
    """Pairs by (group, length of the prompt); a prompt names its group, so that it can be told from others."""
    return [
        PreferencePair(
            f"p{i}", (Message("user", f"{group}" + "x" * length),), "a", "b", Origin("memory", i), group=f"g{group}"
        )
        for i, (group, length) in enumerate(kinds)
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12))
def test_the_prompt_is_of_another_group_and_the_nearest_longer_one(kinds: list[tuple[int, int]]) -> None:
    pairs = pairs_of(kinds)
    for (group, length), prompt in zip(kinds, foreign_prompts(pairs), strict=True):
        others = [n for g, n in kinds if g != group]
        if not others:
            assert prompt is None
            continue
        assert prompt is not None
        text = prompt[0].content
        assert text[0] != str(group)
        found = len(text) - 1
        # Equal lengths are ordered by a hash, so that one of them may stand on either side.
        longer = [n for n in others if n > length]
        assert found in ([length, min(longer)] if longer else [length, max(others)])


def test_the_order_of_the_pairs_does_not_matter() -> None:
    pairs = pairs_of([(i % 4, i % 3) for i in range(12)])
    by_id = dict(zip((p.pair_id for p in pairs), foreign_prompts(pairs), strict=True))
    turned = pairs[::-1]
    assert dict(zip((p.pair_id for p in turned), foreign_prompts(turned), strict=True)) == by_id
