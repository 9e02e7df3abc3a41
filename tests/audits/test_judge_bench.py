"""JudgeBench: whose side a tie takes, and the published accuracy of a published model through the command."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from slices import ask, scores
from statsmodels.stats.proportion import proportion_confint

from rmx.audits.benchmarks.judge_bench import PUBLISHED, JudgeBench
from rmx.config.load import compose_config
from rmx.domain import AuditResult
from rmx.run.audit_scores import audit_scores


def found(margins: list[float], tags: list[dict[str, str]]) -> dict[str, AuditResult]:
    table = scores(margins, slice="judge_bench", tags=[json.dumps(t) for t in tags])
    return {metric: r for (_, scorer, metric), r in ask(JudgeBench(), table).items() if scorer == "model"}


def test_the_published_counts() -> None:
    assert {name: sum(parts.values()) for name, parts in PUBLISHED.items()} == {"gpt": 350, "claude": 270}


def test_a_tie_goes_to_b() -> None:
    tags = [
        {"source": "mmlu-pro-law", "label": "A>B"},
        {"source": "mmlu-pro-math", "label": "B>A"},
        {"source": "livebench-math", "label": "A>B"},
        {"source": "livecodebench", "label": "B>A"},
    ]
    results = found([0.0, 0.0, 1.0, -1.0], tags)
    assert results["mmlu_pro_accuracy"].estimate == 0.5
    assert results["livebench_math_accuracy"].estimate == 1.0
    assert results["livecodebench_accuracy"].estimate == 0.0
    assert results["livebench_reasoning_accuracy"].reason == "not_provided"
    # The mean over pairs, not over the three parts.
    assert results["accuracy"].estimate == 0.5
    assert results["accuracy"].detail["ties"] == 2
    assert "4 of 350" in results["accuracy"].reason


def test_a_judge_of_both_orders_has_no_second_answer_to_fall_back_on() -> None:
    """utils/metrics.py counts a judge's pair where more of the two orders are right than wrong."""
    tags = [json.dumps({"source": "mmlu-pro-law", "label": label}) for label in ("A>B", "B>A", "B>A")]
    table = scores([0.0, 0.0, 0.5], slice="judge_bench", tags=tags).margins_only()
    results = {m: r for (_, scorer, m), r in ask(JudgeBench(), table).items() if scorer == "model"}
    assert results["accuracy"].estimate == pytest.approx(1 / 3)
    assert results["accuracy"].detail["ties"] == 2


def test_a_tie_needs_to_know_which_side_was_a() -> None:
    assert found([1.0], [{"source": "mmlu-pro-law"}])["accuracy"].estimate == 1.0
    lost = found([1.0, 0.0], [{"source": "mmlu-pro-law"}] * 2)["accuracy"]
    assert (lost.estimate, lost.reason) == (None, "not_provided")
    odd = found([1.0], [{"source": "mine"}])["accuracy"]
    assert "is 'mine'; it must begin with" in odd.reason


@pytest.mark.real_data
def test_a_published_model_through_the_command(shared_data: Path, tmp_path: Path) -> None:
    """GRM-Gemma-2B: 59.43 overall, from a table as anyone would write it, length beside it."""
    with gzip.open(shared_data / "judgebench-scores" / "grm-gemma-2b.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = list(map(json.loads, lines))
    table = tmp_path / "scores.jsonl"
    with table.open("w") as file:
        for row in rows:
            sides = ("A", "B") if row["label"] == "A>B" else ("B", "A")
            common = {k: row[k] for k in ("pair_id", "source", "label")}
            common |= {"group": row["pair_id"], "slice": "judge_bench"}
            for scorer, column in (("model", "score"), ("longer", "chars")):
                rewards = [float(row[f"{column}_{side}"]) for side in sides]
                line = {**common, "scorer": scorer, "chosen_reward": rewards[0], "rejected_reward": rewards[1]}
                file.write(json.dumps(line) + "\n")
    run = tmp_path / "run"
    run.mkdir()
    config = compose_config("audit", [f"scores={table}", "audit=benchmarks", "gate.enforce=false"], run=run)
    assert audit_scores(config) == 0
    results = {
        (r["scorer"], r["metric"]): r
        for r in json.loads((run / "audits.json").read_text())
        if r["audit"] == "judge_bench"
    }
    overall = results["model", "accuracy"]
    assert f"{100 * overall['estimate']:.2f}" == "59.43"
    assert (overall["reason"], overall["n_pairs"], overall["ci_method"]) == ("", 350, "Wilson")
    assert (overall["ci_low"], overall["ci_high"]) == pytest.approx(proportion_confint(208, 350, method="wilson"))
    for prefix, metric in (("mmlu-pro", "mmlu_pro"), ("livebench-math", "livebench_math")):
        mine = [r for r in rows if r["source"].startswith(prefix)]
        right = sum((r["score_A"] > r["score_B"]) == (r["label"] == "A>B") for r in mine)
        assert results["model", f"{metric}_accuracy"]["estimate"] == pytest.approx(right / len(mine))
        assert results["model", f"{metric}_accuracy"]["reason"] == ""
    right = sum((r["chars_A"] > r["chars_B"]) == (r["label"] == "A>B") for r in rows)
    assert results["longer", "accuracy"]["estimate"] == pytest.approx(right / 350)
    assert results["shorter", "accuracy"]["reason"] == "not_provided"
