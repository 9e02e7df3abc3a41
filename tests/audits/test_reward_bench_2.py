"""RewardBench 2 against a second way of counting, prompt by prompt with nothing but loops."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from slices import ask

from rmx.audits.benchmarks.benchmark import weighted_mean
from rmx.audits.benchmarks.reward_bench_2 import PUBLISHED, RewardBench2, best_of_credit
from rmx.audits.benchmarks.tied_answers import TiedAnswers, ties_score
from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.domain import AuditResult, Origin
from rmx.score_table import Comparisons, ScoreTable, join_scores
from rmx.scorers.slice_texts import collect_texts

Rows = list[dict[str, Any]]
NAMES = ("Factuality", "Precise IF", "Math", "Safety", "Focus")


def benchmark(each: int = 12, prompts: int = 10, seed: int = 0) -> tuple[Rows, dict[str, float]]:
    """Rows in the published form, and a reward of each text: from few values, so that some are tied."""
    rng = np.random.default_rng(seed)
    rows: Rows = []
    for name in NAMES:
        rows += [
            {"id": f"{name}-{k}", "prompt": f"{name} {k}?", "chosen": [f"{name} {k} r0"],
             "rejected": [f"{name} {k} w{j}" for j in range(3)], "subset": name}
            for k in range(each)
        ]  # fmt: skip
    for k in range(prompts):
        for kind, right, wrong in (("ref", 1, 3), ("tied", 2 + k % 3, 2 + k % 4)):
            texts = [[f"{kind} {k} {side}{j}" for j in range(n)] for side, n in (("r", right), ("w", wrong))]
            rows.append({"id": f"{kind}:{k}", "prompt": f"{kind} {k}?", "subset": "Ties"})
            rows[-1] |= {"chosen": texts[0], "rejected": texts[1]}
    answers = [(t, side) for row in rows for side in ("chosen", "rejected") for t in row[side]]
    rewards = {t: float(rng.integers(0, 4) + (1.5 if side == "chosen" else 0)) for t, side in answers}
    return rows, rewards


def scored(rows: Rows, rewards: dict[str, float]) -> ScoreTable:
    adapter = build_adapter(DataConfig(format="answer_lists", columns={"tags": ["subset"]}))
    comparisons = [c for number, row in enumerate(rows) for c in adapter(Origin("file", number), row)]
    pairs = [c.oriented(f"p{k}") for k, c in enumerate(comparisons) if c.problem is None]
    pairs = [p.__class__(**{**{f: getattr(p, f) for f in p.__slots__}, "group": p.prompt[0].content}) for p in pairs]
    texts = collect_texts("reward_bench_2", pairs)
    table = texts.scored("model", np.array([rewards[c.completion] for c in texts.candidates]))
    return join_scores(table, Comparisons.from_pairs(pairs, slice="reward_bench_2"))


def found(rows: Rows, rewards: dict[str, float]) -> dict[str, AuditResult]:
    answered = ask(RewardBench2(draws=200), scored(rows, rewards))
    return {metric: r for (_, scorer, metric), r in answered.items() if scorer == "model"}


def by_hand(rows: Rows, rewards: dict[str, float]) -> dict[str, float]:
    """The six subsets by loops over rows."""
    subsets: dict[str, list[float]] = {}
    kinds: dict[str, dict[int, Any]] = {"ref": {}, "tied": {}}
    for row in rows:
        right, wrong = ([rewards[t] for t in row[side]] for side in ("chosen", "rejected"))
        if row["subset"] == "Ties":
            kind, number = row["id"].split(":")
            kinds[kind][int(number)] = (min(right) - max(wrong), max(right) - min(right))
            continue
        best = max(right + wrong)
        subsets.setdefault(row["subset"], []).append(1 / (right + wrong).count(best) if right[0] == best else 0.0)
    scores = {name.lower().replace(" ", "_"): sum(s) / len(s) for name, s in subsets.items()}
    both = [(kinds["ref"][k][0], *kinds["tied"][k]) for k in kinds["ref"].keys() & kinds["tied"].keys()]
    margins = []
    for reference, gap, spread in both:
        least = min(reference, gap)
        if spread > 0:
            margins.append(math.tanh(least / spread - 1))
        else:
            margins.append(0.0 if least == 0 else math.copysign(1.0, least))
    scores["ties"] = (
        0.3 * mean(gap > 0 for gap, _ in kinds["tied"].values())
        + 0.3 * mean(gap > 0 for gap, _ in kinds["ref"].values())
        + 0.2 * mean(gap > spread for _, gap, spread in both)
        + 0.2 * mean(min(reference, gap) > spread for reference, gap, spread in both)
        + 0.01 * mean(margins)
    )
    return scores


def mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)


def test_the_printed_average_of_a_published_model() -> None:
    """Skywork-Reward-V2-Qwen3-0.6B, as its README prints it."""
    subsets = dict(zip(PUBLISHED, (58.2, 40.0, 71.6, 84.4, 79.4, 34.0), strict=True))
    assert f"{weighted_mean(subsets, dict.fromkeys(PUBLISHED, 1.0)):.1f}" == "61.3"
    assert sum(PUBLISHED.values()) == 1865


@pytest.mark.parametrize("seed", range(6))
def test_every_subset_and_the_score_as_counted_by_hand(seed: int) -> None:
    rows, rewards = benchmark(seed=seed)
    hand, results = by_hand(rows, rewards), found(rows, rewards)
    for name, value in hand.items():
        metric = "ties_score" if name == "ties" else f"{name}_accuracy"
        assert results[metric].estimate == pytest.approx(value), name
    score = results["score"]
    assert score.estimate == pytest.approx(mean(hand.values()))
    assert score.ci_low < score.estimate < score.ci_high
    assert (score.n_pairs, score.n_groups) == (5 * 12 + 20, 5 * 12 + 10)
    assert score.reason.startswith("not the whole benchmark: 80 of 1,865")
    # Both questions of a prompt are drawn together.
    assert results["ties_score"].n_groups == 10


@pytest.mark.parametrize(
    ("right", "wrong", "credit"),
    [(2, (1, 1, 1), 1), (2, (2, 1, 1), 1 / 2), (2, (2, 2, 1), 1 / 3), (2, (2, 2, 2), 1 / 4), (2, (1, 3, 2), 0)],
)
def test_a_tie_at_the_top_is_shared(right: float, wrong: tuple[float, ...], credit: float) -> None:
    assert best_of_credit(float(right), np.array(wrong, float)) == pytest.approx(credit)


def prompts(*numbers: tuple[list[float], list[float], list[float], list[float]]) -> Iterator[Any]:
    for right, wrong, tied_right, tied_wrong in numbers:
        yield TiedAnswers(np.array(right), np.array(wrong)), TiedAnswers(np.array(tied_right), np.array(tied_wrong))


def test_ties_by_hand() -> None:
    # Gaps 3 and 2, spread 1: all four right, and tanh(2 / 1 - 1).
    one = ([5.0], [2.0], [4.0, 5.0], [2.0, 0.0])
    assert ties_score(list(prompts(one))) == pytest.approx(1 + 0.01 * math.tanh(1))
    # Right answers all alike, and above: the ratio is infinite. All answers alike: it is 0 / 0, which counts 0.
    alike = ([5.0], [2.0], [4.0, 4.0], [2.0])
    assert ties_score(list(prompts(alike))) == pytest.approx(1.01)
    nothing = ([1.0], [1.0], [1.0, 1.0], [1.0])
    assert ties_score(list(prompts(nothing))) == 0.0
    assert ties_score(list(prompts(one, nothing))) == pytest.approx((1 + 0.01 * math.tanh(1)) / 2)
    # Only the reference question of a prompt was scored: it counts in its own accuracy alone.
    half = [*prompts(one), (next(prompts(nothing))[0], None)]
    assert ties_score(half) == pytest.approx(0.3 + 0.3 / 2 + 0.4 + 0.01 * math.tanh(1))


def test_a_row_of_which_an_answer_is_missing_is_not_counted() -> None:
    rows, rewards = benchmark()
    table = scored(rows, rewards)
    tags = [json.loads(t) for t in table.table["tags"].to_pylist()]
    kept = [k for k, t in enumerate(tags) if (t["item"], t["wrong"]) != ("Math-3", "2")]
    answered = ask(RewardBench2(draws=50), ScoreTable(table.table.take(kept)))
    without = [row for row in rows if row["id"] != "Math-3"]
    result = answered["reward_bench_2", "model", "math_accuracy"]
    assert result.estimate == pytest.approx(by_hand(without, rewards)["math"])
    assert result.reason == "not the whole benchmark: 11 of 183 published items were scored"


def test_what_cannot_be_counted_says_so() -> None:
    rows, rewards = benchmark(each=1, prompts=1)
    table = scored(rows, rewards)
    judge = ask(RewardBench2(draws=50), table.margins_only())["reward_bench_2", "model", "score"]
    assert judge.reason == "not_applicable"
    few = found([row for row in rows if row["subset"] != "Ties"], rewards)
    assert few["ties_score"].reason == "not_provided"
    assert few["score"].reason.endswith("none of ties")
    odd = [{**rows[-1], "id": "7"}]
    assert "ref:K or tied:K" in found(odd, rewards)["score"].reason
