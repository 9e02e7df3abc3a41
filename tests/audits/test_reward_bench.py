"""RewardBench against its leaderboard's printed numbers and its way of counting, written out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from slices import ask, scores

from rmx.audits.benchmarks.benchmark import part_weights, weighted_mean
from rmx.audits.benchmarks.reward_bench import PRIOR_SETS, PUBLISHED, SECTION_WEIGHTS, SECTIONS, RewardBench
from rmx.audits.statistics import Clusters, bootstrap
from rmx.domain import AuditResult
from rmx.score_table import ScoreTable


def pairs(counts: dict[str, int], *, slice: str = "reward_bench", tag: str = "subset", seed: int = 0) -> ScoreTable:
    """So many pairs of each subset, easier from subset to subset, some of them tied."""
    rng = np.random.default_rng(seed)
    subsets = [s for s, n in counts.items() for _ in range(n)]
    ease = np.array([0.05 * list(counts).index(s) for s in subsets])
    margins = np.round(rng.normal(ease, 1.0) * 2) / 2
    return scores(margins, slice=slice, tags=[json.dumps({tag: s}) for s in subsets])


def found(*tables: ScoreTable) -> dict[str, AuditResult]:
    answered = ask(RewardBench(), *tables)
    return {metric: r for (_, scorer, metric), r in answered.items() if scorer == "model"}


def by_hand(table: ScoreTable) -> dict[str, float]:
    """Strict accuracy of each subset."""
    right: dict[str, list[bool]] = {}
    for row in table.table.to_pylist():
        (subset,) = json.loads(row["tags"]).values()
        right.setdefault(subset, []).append(row["chosen_reward"] > row["rejected_reward"])
    return {subset: sum(r) / len(r) for subset, r in right.items()}


@pytest.mark.parametrize(
    ("sections", "printed"),
    [
        ((96.9, 76.8, 92.2, 97.3, 74.3), "89.0"),
        ((99.4, 65.1, 87.8, 86.4, 74.9), "83.6"),
        ((98.3, 65.8, 89.7, 94.7, 74.6), "85.7"),
    ],
)
def test_the_leaderboards_scores(sections: tuple[float, ...], printed: str) -> None:
    """Section scores and score of three models as the README of RLHFlow/RLHF-Reward-Modeling prints them."""
    assert f"{weighted_mean(dict(zip(SECTION_WEIGHTS, sections, strict=True)), SECTION_WEIGHTS):.1f}" == printed


def test_the_published_counts() -> None:
    assert sum(PUBLISHED.values()) == 2985
    assert [sum(subsets.values()) for subsets in SECTIONS.values()] == [358, 456, 740, 1968]


def test_sections_score_and_micro_average_as_published() -> None:
    core = pairs(PUBLISHED)
    prior = pairs(dict(zip(PRIOR_SETS, (60, 40, 90, 50), strict=True)), slice="reward_bench_prior", tag="file", seed=1)
    hand, older = by_hand(core), by_hand(prior)
    section = {
        name: sum(hand[s] * n for s, n in subsets.items()) / sum(subsets.values()) for name, subsets in SECTIONS.items()
    }
    results = found(core, prior)
    for name, value in section.items():
        assert results[f"{name}_accuracy"].estimate == pytest.approx(value)
        assert results[f"{name}_accuracy"].reason == ""
    mean_prior = np.mean(list(older.values()))
    assert results["prior_sets_accuracy"].estimate == pytest.approx(mean_prior)
    assert results["score"].estimate == pytest.approx((2 * sum(section.values()) + mean_prior) / 9)
    assert results["score"].reason == ""
    micro = sum(hand[s] * n for s, n in PUBLISHED.items()) / 2985
    assert results["micro_accuracy"].estimate == pytest.approx(micro)
    assert results["micro_accuracy"].n_pairs == 2985
    without = found(core)
    assert without["score"].estimate == pytest.approx(sum(section.values()) / 4)
    assert "none of anthropic_helpful" in without["score"].reason
    assert without["prior_sets_accuracy"].reason == "not_provided"


def test_prior_sets_that_cannot_be_told_apart_are_not_left_out_in_silence() -> None:
    odd = scores([1.0], slice="reward_bench_prior", tags=[json.dumps({"file": "helpful"})])
    score = found(pairs(PUBLISHED), odd)["score"]
    assert score.estimate is None
    assert "'helpful'; it must be anthropic_helpful" in score.reason


def test_the_intervals_error_is_that_of_the_bootstrap() -> None:
    core = pairs(PUBLISHED, seed=3)
    view = core.view()
    right = view.margins > 0
    subsets = np.array([tags["subset"] for tags in view.tags()])
    weights = {s: w / 8 for s, w in part_weights(SECTIONS, SECTION_WEIGHTS, PUBLISHED).items()}

    def again(times: np.ndarray) -> np.ndarray:
        return np.array(
            [sum(w * np.average(right[subsets == s], weights=times[subsets == s]) for s, w in weights.items())]
        )

    spread = bootstrap(again, Clusters(view.group_codes), draws=400, seed=0).std()
    score = found(core)["score"]
    assert score.mde / 2.8 == pytest.approx(spread, rel=0.15)
    assert score.ci_low < score.estimate < score.ci_high


def test_a_part_of_the_benchmark_is_called_one() -> None:
    some = {"mt-bench-hard": 37, "llmbar-natural": 90, "donotanswer": 136}
    results = found(pairs(some))
    assert results["micro_accuracy"].reason.startswith(
        "not the whole benchmark: 263 of 2,985 published items were scored"
    )
    assert results["chat_hard_accuracy"].detail["items"]["llmbar-natural"] == {"scored": 90, "published": 100}
    assert results["chat_accuracy"].estimate is None
    assert (results["score"].detail["scored"], results["chat_hard_accuracy"].detail["published"]) == (263, 456)


def test_the_length_of_answers_stands_beside_the_model() -> None:
    table = pairs(PUBLISHED)
    lengths = scores(np.ones(2985), slice="reward_bench", scorer="longer", tags=table.table["tags"].to_pylist())
    answered = ask(RewardBench(), table, lengths)
    assert answered["reward_bench", "longer", "score"].estimate == 1.0
    assert answered["reward_bench", "shorter", "score"].reason == "not_provided"
    odd = scores([1.0], slice="reward_bench", tags=[json.dumps({"subset": "mine"})])
    assert "'mine'" in found(odd)["score"].reason
