"""Best-of-n where only the answers that it chooses are rated: against all ratings, and against the truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from samples import exploit_world, results, samples

from rmx.audits.best_of_n import BestOfN
from rmx.audits.best_of_n_curves import samples_to_rate
from rmx.audits.evidence import Evidence
from rmx.audits.statistics import best_of_n, nested_winners, sampling_order
from rmx.score_table import CandidateTable

AUDIT = BestOfN(tolerance={"decline_sd": (None, 0.2)})


def rated_winners(table: CandidateTable, n_max: int | None = None) -> CandidateTable:
    """Forget the gold of every answer that nobody would have been asked to rate."""
    found = Evidence(scores={}, candidates={"samples": table}).samples("samples", "model")
    wanted = {str(found.candidates[p][i]) for p, i in samples_to_rate(found, "samples", n_max)}
    ids, known = table.table["candidate_id"].to_pylist(), table.table["gold"].to_pylist()
    gold = [g if c in wanted else None for c, g in zip(ids, known, strict=True)]
    place = table.table.schema.get_field_index("gold")
    return CandidateTable(table.table.set_column(place, table.table.schema.field("gold"), [gold]))


def test_winners_over_all_orders_average_to_the_unbiased_estimate() -> None:
    rng = np.random.default_rng(0)
    proxy, gold, sizes = rng.normal(size=6), rng.normal(size=6), (1, 2, 4)
    orders = itertools.permutations(range(6))
    mean = np.mean([gold[nested_winners(proxy, np.array(order), sizes)] for order in orders], axis=0)
    assert mean == pytest.approx(best_of_n(proxy, gold, sizes))


def test_the_order_knows_ids_alone_and_gives_repeats_places_of_their_own() -> None:
    ids = [f"c{i}" for i in range(400)]
    order = sampling_order(ids)
    assert sorted(order.tolist()) == list(range(400))
    assert abs(np.corrcoef(order, np.arange(400))[0, 1]) < 0.15
    # The same candidates in another table order have the same places.
    assert sampling_order(ids[::-1]).tolist() == [399 - i for i in order.tolist()]
    assert len(set(sampling_order(["a", "a", "a", "b"]).tolist())) == 4


def test_few_answers_are_rated_and_the_estimate_is_that_of_all_within_its_interval() -> None:
    table = exploit_world(0.0, prompts=400, n=32, seed=3)
    all_rated, few = results(AUDIT, table), results(AUDIT, rated_winners(table))
    assert all_rated["gain_sd"].detail["rated"] == 400 * 32
    # Sizes 1, 2, 4, 8, 16 have 1 + 4/2 distinct winners, and one further answer is rated.
    assert 400 * 3.7 < few["gain_sd"].detail["rated"] < 400 * 4.3
    for metric, exact in all_rated.items():
        assert few[metric].ci_low < exact.estimate < few[metric].ci_high
        assert few[metric].ci_high - few[metric].ci_low > exact.ci_high - exact.ci_low
    assert few["decline_sd"].status == "PASS"


def test_an_exploit_is_never_proved_harmless_and_mostly_found() -> None:
    found = [results(AUDIT, rated_winners(exploit_world(3.0, prompts=200, n=128, seed=s))) for s in range(12)]
    assert all(r["decline_sd"].status != "PASS" for r in found)
    # From all ratings the decline is .33 to .51 sd; from these its standard error is about .12.
    assert sum(r["decline_sd"].alarm for r in found) >= 9


def test_the_gain_interval_covers_the_truth() -> None:
    """Gold is the reward itself: the best of 8 normals gains their expected maximum, 1.4236."""
    covered = 0
    for seed in range(150):
        gold = np.random.default_rng(seed).normal(size=(40, 16))
        result = results(BestOfN(), rated_winners(samples(gold, gold)))["gain_sd"]
        covered += result.ci_low <= 1.4236 <= result.ci_high
    assert covered >= 135


def test_a_missing_rating_is_said_and_never_guessed() -> None:
    table = rated_winners(exploit_world(0.0, prompts=30, n=16, seed=1))
    gold = table.table["gold"].to_pylist()
    gold[next(i for i, g in enumerate(gold) if g is not None)] = None
    place = table.table.schema.get_field_index("gold")
    lacking = CandidateTable(table.table.set_column(place, table.table.schema.field("gold"), [gold]))
    for metric, result in results(AUDIT, lacking).items():
        assert (result.status, result.reason) == ("INCONCLUSIVE", "not_provided"), metric
        assert "of 1 of 30 prompts" in result.detail["missing"]


def test_ratings_for_another_n_are_not_enough() -> None:
    table = rated_winners(exploit_world(0.0, prompts=30, n=32, seed=1), n_max=4)
    assert results(BestOfN(n_max=4), table)["gain_sd"].estimate is not None
    assert results(BestOfN(), table)["gain_sd"].reason == "not_provided"
