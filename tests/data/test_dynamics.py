"""Training dynamics: sums are those of the whole history, and planted wrong labels are among the suspects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from rmx.data.dynamics import Dynamics, VisitSums, find_suspects, write_dynamics, write_suspects
from rmx.domain import Message, Origin, PreferencePair


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def learn(
    *, flipped: float, epochs: int, noise: float = 0.0, n: int = 1000, seed: int = 0
) -> tuple[VisitSums, np.ndarray]:
    """Train a linear Bradley-Terry reward by steps of 20 pairs on labels of which a share is turned round.

    Returns the visits and which labels were turned round; `noise` is the logistic spread of the honest ones.
    """
    rng = np.random.default_rng(seed)
    difference = rng.normal(size=(n, 12))
    gold = difference @ rng.normal(size=12)
    sign = np.where(gold + noise * rng.logistic(size=n) > 0, 1.0, -1.0)
    wrong = rng.random(n) < flipped
    difference *= np.where(wrong, -sign, sign)[:, None]
    weights, visits, step = np.zeros(12), VisitSums(n), 0
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(n), n // 20):
            step += 1
            margins = difference[batch] @ weights
            visits.add(batch, margins, step)
            weights += 0.5 * (logistic(-margins)[:, None] * difference[batch]).mean(0)
    return visits, wrong


def test_sums_are_those_of_the_whole_history() -> None:
    rng = np.random.default_rng(0)
    history = rng.normal(0, 3, (5, 40))
    visits = VisitSums(41)
    for step, margins in enumerate(history):
        order = rng.permutation(40)
        visits.add(order[:13], margins[order[:13]], 2 * step)
        visits.add(order[13:], margins[order[13:]], 2 * step + 1)
    found, whole = visits.dynamics(), Dynamics.of_history(history)
    assert found.visits.tolist() == [5] * 40 + [0]
    for name in ("mean_margin", "sd_margin", "last_margin", "confidence"):
        values = getattr(found, name)
        assert np.isnan(values[40])
        np.testing.assert_allclose(values[:40], getattr(whole, name), atol=1e-12)
    np.testing.assert_allclose(whole.mean_margin, history.mean(0))
    np.testing.assert_allclose(whole.sd_margin, history.std(0))
    np.testing.assert_allclose(whole.confidence, logistic(history).mean(0))
    np.testing.assert_array_equal(whole.last_margin, history[-1])


def test_sums_of_two_ranks_add_up() -> None:
    rng = np.random.default_rng(1)
    one, first, second = VisitSums(30), VisitSums(30), VisitSums(30)
    for step in range(6):
        order, margins = rng.permutation(30), rng.normal(size=30)
        one.add(order, margins, step)
        first.add(order[:15], margins[:15], step)
        second.add(order[15:], margins[15:], step)
    together = first.table[:4] + second.table[:4]
    np.testing.assert_allclose(together, one.table[:4])


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("share", [0.05, 0.15])
def test_planted_wrong_labels_are_strongly_enriched_among_the_suspects(share: float, epochs: int) -> None:
    visits, wrong = learn(flipped=share, epochs=epochs)
    suspects = find_suspects(visits.dynamics())
    found = wrong[suspects]
    assert found.mean() > 0.8 > 4 * share  # at least five times as many as anywhere
    assert found.sum() > 0.6 * wrong.sum()
    top = suspects[: int(wrong.sum() / 2)]
    assert wrong[top].mean() > 0.95


def test_among_labels_that_are_noisy_by_nature_planted_ones_still_stand_out() -> None:
    visits, wrong = learn(flipped=0.1, epochs=2, noise=1.0)
    suspects = find_suspects(visits.dynamics())
    assert wrong[suspects].mean() > 3 * wrong.mean()


def test_a_pair_that_wavers_or_was_learnt_is_hard_not_wrong() -> None:
    steady, wavers, learnt, usual = [-2.0] * 4, [-9.0, 3.0, -9.0, 3.0], [-3.0, -1.0, 1.0, 2.0], [3.0] * 4
    margins = np.array([steady, wavers, learnt, *[usual] * 20]).T
    assert find_suspects(Dynamics.of_history(margins)).tolist() == [0]


def test_suspects_come_in_the_order_of_their_margin_and_never_visited_pairs_are_none() -> None:
    visits = VisitSums(41)
    visits.add(np.arange(40), np.array([-3.0, -5.0, 4.0, 4.0, -4.0, *[4.0] * 35]), 1)
    assert find_suspects(visits.dynamics()).tolist() == [1, 4, 0]
    assert find_suspects(VisitSums(3).dynamics()).tolist() == []
    assert find_suspects(Dynamics.of_history(np.zeros((0, 3)))).tolist() == []


def test_a_model_that_has_learnt_nothing_suspects_nobody() -> None:
    visits = VisitSums(4)
    visits.add(np.arange(4), np.zeros(4), 1)
    assert find_suspects(visits.dynamics()).tolist() == []
    rng = np.random.default_rng(0)
    suspected = [len(find_suspects(Dynamics.of_history(rng.normal(size=(1, 200))))) > 0 for _ in range(200)]
    assert np.mean(suspected) < 0.06  # two standard errors, one side


def pairs(n: int, split: str) -> list[PreferencePair]:
    return [
        PreferencePair(f"{split}-{i}", (Message("user", f"Q {i}"),), "good", "bad", Origin("rows.jsonl", i + 1))
        for i in range(n)
    ]


def test_files_hold_every_pair_and_the_suspects_with_their_row(tmp_path: Path) -> None:
    visits = VisitSums(24)
    visits.add(np.array([0, 2]), np.array([5.0, -4.0]), 1)
    visits.add(np.array([0, 1, *range(4, 24)]), np.array([7.0, 6.0, *[5.0] * 20]), 2)
    dynamics = {
        "train": visits.dynamics(),
        "validation": Dynamics.of_history(np.array([[-6.0, *[5.0] * 12]])),
    }
    given = {"train": pairs(24, "train"), "validation": pairs(13, "validation")}
    write_dynamics(tmp_path / "dynamics.parquet", given, dynamics)
    rows = pq.read_table(tmp_path / "dynamics.parquet").to_pylist()
    assert [row["pair_id"] for row in rows] == [p.pair_id for part in given.values() for p in part]
    assert rows[0] == {
        "pair_id": "train-0",
        "split": "train",
        "visits": 2,
        "mean_margin": 6.0,
        "sd_margin": 1.0,
        "last_margin": 7.0,
        "confidence": pytest.approx((logistic(np.array(5.0)) + logistic(np.array(7.0))) / 2),
    }
    assert (rows[3]["visits"], rows[3]["mean_margin"], rows[3]["last_margin"]) == (0, None, None)
    assert write_suspects(tmp_path / "review" / "suspects.jsonl", given, dynamics) == 2
    suspects = [json.loads(line) for line in (tmp_path / "review" / "suspects.jsonl").read_text().splitlines()]
    assert [(s["pair_id"], s["slice"], s["mean_margin"]) for s in suspects] == [
        ("validation-0", "validation", -6.0),
        ("train-2", "train", -4.0),
    ]
    assert suspects[1]["file"] == "rows.jsonl"
    assert suspects[1]["row"] == 3
    assert suspects[1]["prompt"] == [{"role": "user", "content": "Q 2"}]
    assert (suspects[1]["chosen"], suspects[1]["rejected"]) == ("good", "bad")
