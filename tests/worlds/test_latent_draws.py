"""The latent generator: rows that stay as they were, tables that fit together, parameters that are checked."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmx.errors import ConfigError
from rmx.probes import PROBES as TEXT_PROBES
from rmx.score_table import COMPARISON_COLUMNS, CandidateTable, Comparisons, ScoreTable, join_scores
from rmx.worlds.latent import (
    SLICES,
    LatentParams,
    LatentReward,
    latent_candidates,
    latent_leaks,
    latent_ledger,
    latent_samples,
    latent_scores,
    planted,
    read_latent_params,
    read_latent_reward,
)
from rmx.worlds.latent.edits import PROBES
from rmx.worlds.latent.pairs import draw_pairs

SMALL = LatentParams(prompts=30, pairs_per_prompt=2, sample_prompts=5, samples=4, fresh_new_topics=0.5, leaks=0.2)
EVERYTHING = LatentReward(length=0.3, lists=0.2, pad_bug=0.5, prompt_offset=1.0, new_topic_weight=0.3)


def rows(table: CandidateTable | ScoreTable) -> set[str]:
    return {repr(row) for row in table.table.to_pylist()}


@settings(max_examples=8, deadline=None)
@given(more=st.integers(1, 40), pairs=st.integers(1, 3), slice=st.sampled_from(SLICES), seed=st.integers(0, 2**40))
def test_growing_leaves_earlier_rows_as_they_were(more: int, pairs: int, slice: str, seed: int) -> None:
    small = replace(SMALL, seed=seed)
    large = replace(small, prompts=small.prompts + more, pairs_per_prompt=small.pairs_per_prompt + pairs)
    assert rows(latent_scores(small, EVERYTHING, slice)) <= rows(latent_scores(large, EVERYTHING, slice))
    probes = list(PROBES)
    assert rows(latent_candidates(small, EVERYTHING, slice, probes)) <= rows(
        latent_candidates(large, EVERYTHING, slice, probes)
    )


@pytest.mark.parametrize("grown", [{"samples": 9}, {"sample_prompts": 11}, {"prompts": 60}, {"pairs_per_prompt": 5}])
def test_growing_leaves_earlier_samples_as_they_were(grown: dict[str, int]) -> None:
    assert rows(latent_samples(SMALL, EVERYTHING)) <= rows(latent_samples(replace(SMALL, **grown), EVERYTHING))


def test_one_dial_leaves_what_it_does_not_turn() -> None:
    """The same answers and the same votes, whatever the reward; a planted liking moves labels, not answers."""
    plain, liked = draw_pairs(SMALL, "heldout"), draw_pairs(replace(SMALL, list_liking=3.0), "heldout")
    of = {
        (p, k): sorted([a, b])
        for p, k, a, b in zip(*plain[1:3], plain.chosen.topical, plain.rejected.topical, strict=True)
    }
    again = {
        (p, k): sorted([a, b])
        for p, k, a, b in zip(*liked[1:3], liked.chosen.topical, liked.rejected.topical, strict=True)
    }
    shared = of.keys() & again.keys()
    assert len(shared) > 40
    assert all(of[pair] == again[pair] for pair in shared)
    assert (liked.chosen.lists - liked.rejected.lists).sum() > (plain.chosen.lists - plain.rejected.lists).sum()


def test_ballots_are_the_votes_and_name_the_pool() -> None:
    """Counted again from the names, pair by pair; those who lapse and flip are the first of the pool."""
    params = replace(SMALL, annotators=10, bad_annotators=0.3, flippers=0.1, votes=5)
    view = latent_scores(params, EVERYTHING, "heldout").view()
    assert view is not None
    names = set()
    for tags in view.tags():
        ballots = json.loads(tags["ballots"])
        counts = Counter(vote for _, vote in ballots)
        assert json.loads(tags["votes"]) == [counts["chosen"], counts["rejected"], counts["tie"]]
        assert counts["chosen"] > counts["rejected"]
        names |= {name for name, _ in ballots}
    assert names == {f"annotator-{k:02d}" for k in range(10)}
    assert planted(params) == (
        {"annotator-00", "annotator-01", "annotator-02"},
        {"annotator-03"},
    )
    assert planted(SMALL) == (set(), set())


def test_those_who_flip_vote_against_gold() -> None:
    params = replace(
        SMALL, prompts=1500, annotators=8, bad_annotators=0.25, bad_lapse=1.0, flippers=0.25, label_scale=3.0
    )
    pairs = draw_pairs(params, "heldout")
    assert pairs.ballots is not None
    better = pairs.chosen.gold(params, pairs.prompts) > pairs.rejected.gold(params, pairs.prompts)
    right = np.where(pairs.ballots.choice == 0, better, ~better)[pairs.ballots.choice < 2]
    who = pairs.ballots.annotator[pairs.ballots.choice < 2]
    shares = [right[who == k].mean() for k in range(8)]
    assert shares[:2] == pytest.approx([0.5, 0.5], abs=0.06)
    assert max(shares[2:4]) < 0.25
    assert min(shares[4:]) > 0.75


def test_slices_and_seeds_are_other_draws() -> None:
    drawn = [draw_pairs(SMALL, slice).chosen.topical[:20] for slice in SLICES]
    drawn.append(draw_pairs(replace(SMALL, seed=1), "heldout").chosen.topical[:20])
    assert len({tuple(values) for values in drawn}) == 4


@pytest.mark.parametrize("slice", SLICES)
def test_candidates_and_scores_fit_together(slice: str) -> None:
    """Joining the candidates gives the rewards of the score table, as a run's own files do."""
    scores = latent_scores(SMALL, EVERYTHING, slice)
    candidates = latent_candidates(SMALL, EVERYTHING, slice, PROBES)
    model = ScoreTable(scores.table.filter(pc.equal(scores.table["scorer"], "model")))
    static = Comparisons(model.table.select(COMPARISON_COLUMNS.names))
    joined = join_scores(candidates, static)
    for column in ("pair_id", "group", "chosen_reward", "rejected_reward", "chosen_tokens", "rejected_tokens"):
        assert joined.table[column].to_pylist() == model.table[column].to_pylist()


def test_probes_bear_the_names_that_probes_of_texts_have() -> None:
    candidates = latent_candidates(SMALL, EVERYTHING, "heldout", PROBES).table.to_pylist()
    for probe in PROBES.keys() & TEXT_PROBES.keys():
        edits = [row for row in candidates if row["probe"] == probe]
        assert edits
        assert {row["variant"] for row in edits} <= set(TEXT_PROBES[probe].variants)
        sides = {row["source_id"].rpartition("-")[2] for row in edits}
        assert sides == set(TEXT_PROBES[probe].sides)


def test_as_many_pairs_are_edited_as_are_asked_for() -> None:
    table = latent_candidates(SMALL, EVERYTHING, "heldout", ["length", "perturbation"], items=7).table.to_pylist()
    assert len({row["source_id"] for row in table if row["probe"] == "length"}) == 7
    assert len({row["source_id"] for row in table if row["probe"] == "perturbation"}) == 14  # both sides


def test_an_edit_changes_the_reward_by_the_weight_of_its_feature() -> None:
    exact = replace(EVERYTHING, edit_noise=0.0, rescoring=0.0, pad_bug=0.0)
    rows_of = latent_candidates(SMALL, exact, "heldout", ["length", "markdown"]).table.to_pylist()
    base = {row["candidate_id"]: row["reward"] for row in rows_of if not row["probe"]}
    gains: dict[str, list[float]] = {}
    for row in rows_of:
        if row["probe"]:
            gains.setdefault(row["variant"], []).append(row["reward"] - base[row["source_id"]])
    assert gains["padded"] == pytest.approx([0.3 * np.log(1.5) / 0.5] * len(gains["padded"]))
    assert gains["compressed"] == pytest.approx([-0.3 * np.log(1.25) / 0.5] * len(gains["compressed"]))
    assert gains["marked"] == pytest.approx([0.2] * len(gains["marked"]))
    assert gains["plain"] == pytest.approx([-0.2] * len(gains["plain"]))
    assert len(gains["marked"]) + len(gains["plain"]) == len(gains["padded"])


def test_the_ledger_names_exactly_the_planted_leaks() -> None:
    leaked = set(latent_leaks(SMALL).tolist())
    assert 0 < len(leaked) < 15
    table = latent_scores(SMALL, EVERYTHING, "heldout")
    view = table.view()
    assert view is not None
    in_train = {
        pair for pair, code in zip(view.pair_ids, view.group_codes, strict=True) if "-train-" in view.group_names[code]
    }
    assert {int(pair.split("-")[3]) for pair in in_train} <= leaked
    ledger = latent_ledger(SMALL)
    assert ledger["overlap"]["pairs"] == len(in_train) > 0
    assert set(ledger["contamination"]["by_slice"]["heldout"]["ids"]["prompt"]) == in_train
    assert latent_ledger(replace(SMALL, leaks=0.0))["overlap"]["pairs"] == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"promts": 3}, "prompts"),
        ({"lapse": 1.5}, "lapse"),
        ({"length_quality": 1.0}, "length_quality"),
        ({"votes": 0}, "votes"),
    ],
)
def test_parameters_are_read_strictly(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_latent_params(wrong)


def test_the_reward_is_read_strictly() -> None:
    assert read_latent_reward({"length": 1}).length == 1.0
    for wrong in ({"lenght": 1}, {"prompt_weight": 2}, {"temperature": 0}, {"pad_bug": -1}):
        with pytest.raises(ConfigError):
            read_latent_reward(wrong)
