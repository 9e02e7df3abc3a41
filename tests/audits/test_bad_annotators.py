"""Bad annotators: exactly the planted ones are named, whether the right side is known or only voted on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from slices import ask, scores

from rmx.audits.annotators import Annotators
from rmx.audits.votes import NOT_IDENTIFIABLE
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable
from rmx.worlds.latent import LatentWorld, latent_scores, latent_worlds, planted


def table(ballots: list[list[tuple[str, str]]], golden: list[str] | None = None, **columns) -> ScoreTable:
    tags = [{"ballots": json.dumps(votes)} for votes in ballots]
    if golden is not None:
        tags = [{**tag, "golden": side} for tag, side in zip(tags, golden, strict=True)]
    return scores(np.ones(len(tags)), tags=[json.dumps(tag) for tag in tags], **columns)


def simulated(errors: dict[str, float], pairs: int, seed: int, *, votes: int, golden: bool = False) -> ScoreTable:
    """Votes by people who err independently; the majority is chosen."""
    rng, names = np.random.default_rng(seed), list(errors)
    ballots, sides = [], []
    for _ in range(pairs):
        who = rng.permutation(names)[:votes]
        right = [bool(rng.random() >= errors[str(name)]) for name in who]
        top = sum(right) * 2 > votes
        ballots.append(
            [(str(name), "chosen" if ok == top else "rejected") for name, ok in zip(who, right, strict=True)]
        )
        sides.append("chosen" if top else "rejected")
    return table(ballots, sides if golden else None)


def found(*tables: ScoreTable, **parameters) -> dict[str, AuditResult]:
    return {metric: r for (_, _, metric), r in ask(Annotators(**parameters), *tables).items()}


def named(results: dict[str, AuditResult]) -> dict[str, str]:
    people = results["flagged_count"].detail["annotators"]
    return {person["annotator"]: person["kind"] for person in people if person["kind"]}


def in_world(world: LatentWorld, seed: int) -> dict[str, AuditResult]:
    params = replace(world.params, seed=seed)
    return found(*(latent_scores(params, world.reward, slice) for slice in ("heldout", "validation")))


def test_planted_annotators_are_named_and_told_apart() -> None:
    """W5: eight of twenty mostly flip coins, one votes the other way round."""
    world = latent_worlds()["W5"]
    bad = planted(world.params)
    assert (len(bad.lapsing), len(bad.flipping)) == (8, 1)
    truth = dict.fromkeys(bad.lapsing, "guesses") | dict.fromkeys(bad.flipping, "inverts")
    exact = 0
    for seed in range(6):
        results = in_world(world, seed)
        exact += named(results) == truth
        assert results["flagged_count"].alarm
        assert "annotator-08 (inverts" in results["flagged_count"].reason
        # 1 - 2 error is (1 - lapse) √(E u²), u how clear a pair is to a careful annotator: .523 in this world.
        assert results["pool_error"].estimate == pytest.approx((1 - 0.9 * 0.523) / 2, abs=0.04)
        assert results["worst_error"].ci_low < (1 + 0.9 * 0.523) / 2 < results["worst_error"].ci_high
    assert exact >= 5


@pytest.mark.parametrize("name", ["W0", "W6"])
def test_nobody_is_named_where_nobody_is_worse(name: str) -> None:
    """Also not where tastes divide them: everyone is in a minority now and then."""
    counts = [in_world(latent_worlds()[name], seed)["flagged_count"].estimate for seed in range(8)]
    assert sum(count > 0 for count in counts) <= 2  # 99.4% of Binomial(8, .05)


def test_one_who_is_wrong_every_time_inverts() -> None:
    """Also where everybody else is right every time, so that nothing varies."""
    errors = {f"a{k}": 0.0 for k in range(6)} | {"b": 1.0}
    results = found(simulated(errors, 200, 0, votes=5))
    assert named(results) == {"b": "inverts"}
    assert results["worst_error"].estimate == pytest.approx(1.0, abs=0.01)


def test_golden_items_tell_guessing_without_any_agreement() -> None:
    """One vote a pair and known answers; two of six lapse in .6 of their votes, the others in .1."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(20):
        errors = {f"a{k}": 0.3 if k < 2 else 0.05 for k in range(6)}
        who = np.repeat(list(errors), 120)
        right = rng.random(len(who)) >= [errors[name] for name in who]
        votes = [[(str(name), "chosen" if ok else "rejected")] for name, ok in zip(who, right, strict=True)]
        results = found(table(votes, ["chosen"] * len(votes)))
        people = {p["annotator"]: p for p in results["flagged_count"].detail["annotators"]}
        for name in errors:
            assert people[name]["error"] == pytest.approx(1 - right[who == name].mean())
        hits += named(results) == {"a0": "guesses", "a1": "guesses"}
    assert hits >= 19
    assert results["flagged_count"].detail["golden_pairs"] == 720


def test_what_golden_items_can_tell() -> None:
    """The anchor: 120 of them find a lapse of .3 among lapses of .1 at 98% power, alpha 3.8% (errors .15 and .05)."""
    most = int(binom.isf(0.05, 120, 0.05)) + 1
    assert binom.sf(most - 1, 120, 0.05) == pytest.approx(0.038, abs=0.001)
    assert binom.sf(most - 1, 120, 0.15) == pytest.approx(0.98, abs=0.005)
    # With a pool whose own error is estimated, and corrected for six, 92% by the same tail at .05 / 6.
    hits = others = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        who = np.repeat([f"a{k}" for k in range(6)], 120)
        right = rng.random(len(who)) >= np.where(who == "a0", 0.15, 0.05)
        votes = [[(str(name), "chosen" if ok else "rejected")] for name, ok in zip(who, right, strict=True)]
        names = set(named(found(table(votes, ["chosen"] * len(votes)))))
        hits += "a0" in names
        others += bool(names - {"a0"})
    assert hits >= 23  # 1% of Binomial(30, .92)
    assert others <= 4  # 1% of Binomial(30, .05)


def test_intervals_hold_the_planted_errors() -> None:
    errors = {f"a{k:02d}": [0.1, 0.2, 0.3, 0.45][k % 4] for k in range(12)}
    held = total = simultaneous = 0
    for seed in range(25):
        results = found(simulated(errors, 300, seed, votes=5))
        for person in results["flagged_count"].detail["annotators"]:
            held += person["ci_low"] <= errors[person["annotator"]] <= person["ci_high"]
            total += 1
        worst = results["worst_error"]
        simultaneous += worst.ci_low <= 0.45 <= worst.ci_high
    assert held / total == pytest.approx(0.95, abs=0.03)
    assert simultaneous >= 22


def test_few_votes_are_taken_together_and_not_judged() -> None:
    errors = {f"a{k}": 0.2 for k in range(5)}
    regular = simulated(errors, 200, 0, votes=3)
    ballots = [json.loads(json.loads(text)["ballots"]) for text in regular.table["tags"].to_pylist()]
    for i in range(30):
        ballots[i] = [(f"once-{i}", vote) if k == 0 else (name, vote) for k, (name, vote) in enumerate(ballots[i])]
    results = found(table(ballots))
    people = results["flagged_count"].detail["annotators"]
    assert {person["annotator"] for person in people} == set(errors)
    assert results["flagged_count"].detail["votes"] == 600
    assert found(table(ballots), least_votes=700)["flagged_count"].detail["missing"].startswith("no annotator has cast")


def test_ties_and_pairs_that_were_not_split_are_left_out() -> None:
    people = [f"a{k}" for k in range(4)]
    rng = np.random.default_rng(1)
    three = [[(people[k], "chosen" if rng.random() < 0.8 else "rejected") for k in (0, 1, 2)] for _ in range(90)]
    agreeing = [[(people[0], "chosen"), (people[3], "chosen"), (people[1], "tie")]] * 40
    alone = [[(people[3], "chosen"), (people[0], "tie")]] * 10
    detail = found(table(three + agreeing + alone))["flagged_count"].detail
    assert detail["left_out"] == {"fewer_than_two_votes": 10, "even_number_of_votes": 40}
    assert {p["annotator"]: p["votes"] for p in detail["annotators"]} == dict.fromkeys(people[:3], 90)


def test_unanimous_votes_tell_nothing_and_divided_ones_may_lie_elsewhere() -> None:
    rng = np.random.default_rng(2)
    ballots = [[(f"a{k}", "chosen" if rng.random() < 0.8 else "rejected") for k in range(3)] for _ in range(200)]
    divided = [len({vote for _, vote in votes}) > 1 for votes in ballots]
    whole = [votes for votes, apart in zip(ballots, divided, strict=True) if not apart]
    rest = table([v for v, apart in zip(ballots, divided, strict=True) if apart], slice="disputed")
    alone = found(table(whole))
    assert {r.reason for r in alone.values()} == {NOT_IDENTIFIABLE}
    assert "set aside" in alone["flagged_count"].detail["missing"]
    assert found(table(whole), rest)["pool_error"].estimate == pytest.approx(
        found(table(ballots))["pool_error"].estimate
    )


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        (None, "no tag ballots of a pair of heldout"),
        ([json.dumps({"ballots": '[["a", "better"]]'})] * 30, "tag ballots of pair p000000 is"),
        ([json.dumps({"ballots": "2:1"})] * 30, "tag ballots of pair p000000 is"),
        ([json.dumps({"ballots": '[["a", "chosen"]]', "golden": "first"})] * 30, "golden 'first'"),
        ([json.dumps({"ballots": '[["a", "chosen"], ["b", "rejected"], ["b", "chosen"]]'})] * 30, NOT_IDENTIFIABLE),
    ],
)
def test_what_cannot_be_read_is_said(tags: list[str] | None, told: str) -> None:
    result = found(scores(np.ones(30), tags=tags))["flagged_count"]
    assert result.status == "INCONCLUSIVE"
    assert told in f"{result.reason} {result.detail.get('missing', '')}"
