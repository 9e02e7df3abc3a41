"""What has been scored in one slice is not scored again in its parts."""

from __future__ import annotations

import numpy as np

from rmx.domain import Message, Origin, PreferencePair
from rmx.probes import PROBES
from rmx.scorers.slice_parts import find_parts, with_parts
from rmx.scorers.slice_texts import EditRequest, SliceTexts, collect_texts


def pairs(*numbers: int) -> list[PreferencePair]:
    return [
        PreferencePair(f"p{k}", (Message("user", f"q{k}"),), f"yes {k}", f"no {k}", Origin("m", k), f"g{k}")
        for k in numbers
    ]


def texts(name: str, *numbers: int, probe: str | None = None) -> SliceTexts:
    return collect_texts(name, pairs(*numbers), [] if probe is None else [EditRequest(PROBES[probe], 9)])


def test_a_part_has_the_rewards_of_the_whole() -> None:
    slices = {"heldout": texts("heldout", 1, 2, 3, 4), "part": texts("part", 4, 2), "other": texts("other", 4, 5)}
    parts = find_parts(slices)
    assert list(parts) == ["part"]
    assert parts["part"].whole == "heldout"
    by_text = {c.completion: float(i) for i, c in enumerate(slices["heldout"].candidates)}
    found = with_parts({"heldout": np.array(list(by_text.values())), "other": np.zeros(4)}, parts)
    assert list(found) == ["heldout", "other", "part"]
    assert found["part"].tolist() == [by_text[c.completion] for c in slices["part"].candidates]


def test_a_part_with_edits_of_its_own_is_scored() -> None:
    probe = next(iter(PROBES))
    plain = {"heldout": texts("heldout", 1, 2, 3), "part": texts("part", 1, 2, probe=probe)}
    assert find_parts(plain) == {}
    edited = {"heldout": texts("heldout", 1, 2, 3, probe=probe), "part": texts("part", 1, 2)}
    assert list(find_parts(edited)) == ["part"]


def test_the_earlier_of_two_equal_slices_is_the_whole() -> None:
    slices = {"a": texts("a", 1, 2), "b": texts("b", 2, 1), "c": texts("c", 1)}
    assert {name: part.whole for name, part in find_parts(slices).items()} == {"b": "a", "c": "a"}
