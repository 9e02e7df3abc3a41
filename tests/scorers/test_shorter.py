from __future__ import annotations

import pytest

from rmx.domain import Candidate, Message
from rmx.errors import ConfigError
from rmx.scorers import BASELINES, build_baseline

PROMPT = (Message("user", "q"),)


@pytest.mark.parametrize("tokens", [(3, 7), (0, 0)])
def test_shorter_is_the_opposite_of_longer(tokens: tuple[int, int]):
    candidates = [Candidate("a", PROMPT, "one", tokens[0]), Candidate("b", PROMPT, "one two", tokens[1])]
    shorter, longer = (build_baseline(name).score(candidates) for name in ("shorter", "longer"))
    assert shorter.tolist() == (-longer).tolist()
    assert shorter[0] > shorter[1]


def test_baselines_are_named_as_in_score_tables():
    assert {name: build_baseline(name).name for name in ("longer", "shorter")} == {
        "longer": "longer",
        "shorter": "shorter",
    }
    assert [name for name, baseline in BASELINES.items() if baseline.fitted] == ["bag_of_words"]
    with pytest.raises(ConfigError, match="did you mean `shorter`"):
        build_baseline("shortr")
