"""Position bias: known shares come back, an unbiased judge is quiet, a scalar scorer has no order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from rmx.audits.evidence import Evidence
from rmx.audits.position_bias import PositionBias
from rmx.audits.runner import run_audits
from rmx.domain import AuditResult
from rmx.score_table import SCORE_COLUMNS, ScoreTable


def table(forward: list[float], backward: list[float]) -> ScoreTable:
    mean = [(a + b) / 2 for a, b in zip(forward, backward, strict=True)]
    rows = [
        {
            "pair_id": f"p{i}",
            "group": f"g{i}",
            "slice": "heldout",
            "scorer": scorer,
            "chosen_reward": value,
            "rejected_reward": 0.0,
            "label_source": "human",
        }
        for scorer, values in (("model", mean), ("chosen_first", forward), ("rejected_first", backward))
        for i, value in enumerate(values)
    ]
    return ScoreTable(pa.Table.from_pylist(rows, schema=SCORE_COLUMNS))


def answers(scores: ScoreTable) -> dict[str, AuditResult]:
    return {r.metric: r for r in run_audits([PositionBias()], Evidence(scores={"heldout": scores}))}


def test_shares_are_those_that_were_put_in() -> None:
    # Ten pairs right both times, six that prefer the first place, two the second, one tie in one order, one wrong.
    forward = [1.0] * 10 + [2.0] * 6 + [-1.0] * 2 + [0.0, -1.0]
    backward = [1.0] * 10 + [-2.0] * 6 + [1.0] * 2 + [-1.0, -1.0]
    found = answers(table(forward, backward).margins_only())
    follow, first = found["follow_rate"], found["first_preference"]
    assert follow.estimate == pytest.approx(8 / 20)
    assert follow.detail["first"] == 6
    assert follow.detail["second"] == 2
    # The tie counts half a preference for the first place, where the rejected answer stood.
    assert first.estimate == pytest.approx((6 - 2 + 0.5) / 20)
    assert first.ci_low is not None
    assert first.ci_high is not None
    assert first.ci_low < first.estimate < first.ci_high


def test_a_judge_without_a_bias_alarms_about_as_often_as_chance_would() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        quality = rng.normal(size=80)
        noise = rng.normal(size=(2, 80))
        found = answers(table(list(quality + noise[0]), list(quality + noise[1])).margins_only())
        alarms += found["first_preference"].alarm
    # 5 expected; the 0.999 quantile of 100 draws at .05 is 13.
    assert alarms <= 13


def test_a_scalar_scorer_has_no_order_and_a_judge_without_orders_has_not_given_them() -> None:
    scalar = table([1.0] * 4, [1.0] * 4)
    assert {r.reason for r in answers(scalar).values()} == {"not_applicable"}
    alone = ScoreTable(scalar.table.filter(pc.equal(scalar.table["scorer"], "model"))).margins_only()
    assert {r.reason for r in answers(alone).values()} == {"not_provided"}
