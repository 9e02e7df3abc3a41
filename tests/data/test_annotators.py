from itertools import product

import pytest

from rmx.data.annotators import POLICIES, route
from rmx.data.expand.labels import majority
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import ConfigError


def pair(votes: tuple[int, int, int]) -> PreferencePair:
    chosen, rejected, tie = votes
    return PreferencePair(
        "p",
        (Message("user", "q"),),
        "a",
        "b",
        Origin("f", 1),
        agreement=chosen / sum(votes),
        votes=(chosen, rejected, tie),
    )


def test_what_is_not_trained_on_goes_to_review_or_to_the_disputed_slice():
    """The three-vote outcomes, by hand: (chosen, rejected, tie)."""
    expected = {
        #              3:0:0   2:1:0       2:0:1       1:0:2
        "unanimous": ["keep", "review", "review", "review"],
        "hold_out": ["keep", "disputed", "disputed", "disputed"],
        "majority": ["keep", "keep", "keep", "review"],
        "soft_label": ["keep", "keep", "keep", "review"],
        "weight": ["keep", "keep", "keep", "keep"],
    }
    outcomes = [(3, 0, 0), (2, 1, 0), (2, 0, 1), (1, 0, 2)]
    assert set(expected) == set(POLICIES)
    for policy, destinations in expected.items():
        assert [route(pair(v), policy, decided=True).destination for v in outcomes] == destinations
        assert route(pair((1, 1, 1)), policy, decided=False).destination == "review"


def test_weight_is_the_net_vote_and_leaves_unanimous_pairs_alone():
    weights = {
        v: route(pair(v), "weight", decided=True).pair.weight for v in [(3, 0, 0), (2, 1, 0), (2, 0, 1), (1, 0, 2)]
    }
    assert weights == {
        (3, 0, 0): 1.0,
        (2, 1, 0): pytest.approx(1 / 3),
        (2, 0, 1): pytest.approx(2 / 3),
        (1, 0, 2): pytest.approx(1 / 3),
    }


def test_soft_labels_never_point_away_from_the_chosen_side():
    for votes in product(range(5), repeat=3):
        chosen, rejected, _ = votes
        if chosen > rejected:
            routed = route(pair(votes), "soft_label", decided=True)
            assert routed.destination != "keep" or routed.pair.agreement > 0.5


def test_majority_of_votes_by_counting():
    for first, second, tie in product(range(4), repeat=3):
        label = majority((first, second, tie))
        if first + second + tie == 0:
            assert label == "abstain"
        elif first == second == 0:
            assert label == "tie"
        elif first == second:
            assert label == "undecided"
        else:
            assert label == ("first" if first > second else "second")


def test_an_unknown_policy_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean `majority`"):
        route(pair((2, 1, 0)), "majorty", decided=True)
