from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rmx.domain import AuditResult
from rmx.report.plots.best_of_n import best_of_n_curve

GOLD = [0.0, 0.4, 0.7, 0.5]


def results(gold: list[float], *, alarm: bool) -> list[AuditResult]:
    curve: list[dict[str, Any]] = []
    for k, g in enumerate(gold):
        row: dict[str, Any] = {"n": 2**k, "kl": 0.3 * k, "win_rate": 0.5}
        for name, value in (("gold", g), ("proxy", 0.6 * k)):
            known = k > 0
            row |= {name: value, f"{name}_low": value - 0.1 if known else None}
            row |= {f"{name}_high": value + 0.1 if known else None}
        curve.append(row)
    star = 2 ** max(range(len(gold)), key=gold.__getitem__)
    found = AuditResult("best_of_n", "samples", "model", "gain_sd", gold[-1], 0.4, 0.6, "t", 120, 110)
    return [
        replace(found, detail={"n": 2 ** (len(gold) - 1), "curve": curve}),
        replace(found, metric="decline_sd", alarm=alarm, detail={"n_star": star}),
        replace(found, scorer="longer", estimate=9.9),
    ]


def test_caption_says_where_gold_turns_and_whether_that_is_shown() -> None:
    turned = best_of_n_curve(results(GOLD, alarm=True), "model").caption
    assert "120 prompts of slice samples. At n = 8 gold gained +0.50 sd, the reward +1.80 sd." in turned
    assert "Gold is highest at n = 4; beyond it" in turned
    assert "gold falls towards" in turned
    rising = best_of_n_curve(results([0.0, 0.4, 0.7, 0.8], alarm=False), "model").caption
    assert "Gold is highest at the largest n, 8." in rising
    assert "gold is not shown to fall" in rising


def test_every_size_is_written_at_its_point() -> None:
    svg = best_of_n_curve(results(GOLD, alarm=True), "model").svg
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"1", "2", "4", "8"} <= set(texts)
    assert {"gold reward", "this reward"} <= set(texts)


def test_without_samples_it_says_what_was_looked_for() -> None:
    missing = AuditResult(
        "best_of_n", "samples", "model", "gain_sd", None, None, None, "", 0, 0, detail={"missing": "no samples"}
    )
    panel = best_of_n_curve([missing], "model")
    assert (panel.svg, panel.caption) == ("", "No best-of-n curve: no samples.")
    assert best_of_n_curve([], "model").caption == "No best-of-n curve: it was not audited."


def test_where_a_kl_penalty_would_stop_is_marked() -> None:
    plain = results(GOLD, alarm=True)
    curve = [{"n": row["n"], "kl": row["kl"], "objective": 0.0} for row in plain[0].detail["curve"]]
    stop = replace(plain[0], audit="kl_penalty", detail={"beta": 0.5, "n_beta": 2, "curve": curve})
    shortfall = replace(stop, metric="shortfall_sd", detail={})
    marked = best_of_n_curve([*plain, stop, shortfall], "model")
    assert "With β = 0.5 a nat, reward − β·KL is highest at n = 2." in marked.caption
    assert marked.caption.startswith("120 prompts of slice samples. At n = 8 gold gained +0.50 sd")
    assert "reward − β·KL stops" in re.findall(r"<text[^>]*>([^<]*)</text>", marked.svg)
    assert "β" not in best_of_n_curve(plain, "model").caption
