"""A11: degenerate completions against the worst real answer, by hand and against scorers that like a sign too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
from slices import one, scores
from statsmodels.stats.proportion import proportion_confint

from rmx.audits.degenerate import Degenerate
from rmx.domain import AuditResult
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable

AUDIT = Degenerate(tolerance={"below_worst_share": (0.99, None)})


def result(
    answers: Sequence[Sequence[float]], edits: Sequence[Mapping[str, float]], groups: Sequence[str] | None = None
) -> AuditResult:
    """Rewards of the real answers and of the degenerate ones, prompt by prompt."""
    rows = []
    for i, (real, fake) in enumerate(zip(answers, edits, strict=True)):
        group = f"g{i}" if groups is None else groups[i]
        common = {"slice": "heldout", "group": group, "scorer": "model", "prompt_id": f"x{i}"}
        rows += [common | {"candidate_id": f"{i}/{k}", "reward": reward} for k, reward in enumerate(real)]
        rows += [
            common
            | {"candidate_id": f"{i}/{v}", "reward": r, "probe": "degenerate", "variant": v, "source_id": f"{i}/0"}
            for v, r in fake.items()
        ]
    table = CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))
    return one(AUDIT, scores(np.arange(3.0)), candidates={"heldout": table})


def test_by_hand() -> None:
    answers = [[2.0, 1.0, 3.0], [0.0, -1.0]]
    found = result(answers, [{"colon": 0.5, "blank": 1.0, "echo": 2.5}, {"colon": -1.5, "blank": -2.0, "echo": -1.1}])
    # Below the worst: colon, not blank (a tie), not echo; colon, blank, echo.
    assert found.estimate == pytest.approx(4 / 6)
    assert (found.n_pairs, found.n_groups) == (6, 2)
    assert found.detail["worst_variant"] == "blank"
    assert list(found.detail["variants"]) == ["blank", "echo", "colon"]
    assert found.detail["variants"]["colon"]["share"] == 1.0


def test_the_interval_is_wilson_where_every_prompt_has_one_and_widens_with_more_of_a_prompt() -> None:
    rng = np.random.default_rng(0)
    fake = rng.normal(-1, 1, 80)
    found = result([[0.0]] * 80, [{"colon": x} for x in fake])
    low, high = proportion_confint((fake < 0).sum(), 80, method="wilson")
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high))
    # The same bad luck of a prompt under four variants is one observation.
    same = result([[0.0]] * 80, [dict.fromkeys("abcd", x) for x in fake])
    assert same.ci_high - same.ci_low > 0.9 * (high - low)


def test_a_sound_scorer_passes_once_prompts_are_many_and_a_fooled_one_fails() -> None:
    def ask_with(prompts: int, colon: float) -> AuditResult:
        rng = np.random.default_rng(0)
        variants = [f"v{k}" for k in range(15)]
        edits = [dict(zip(variants, rng.normal(-9, 1, 15), strict=True)) | {"colon": colon} for _ in range(prompts)]
        return result(rng.normal(0, 1, (prompts, 2)), edits)

    assert ask_with(400, -9.0).status == "PASS"
    assert ask_with(50, -9.0).status == "INCONCLUSIVE"
    fooled = ask_with(400, 9.0)
    assert fooled.status == "FAIL"
    assert fooled.detail["worst_variant"] == "colon"
    assert fooled.detail["variants"]["colon"]["ci_high"] < 0.02


def test_equal_rewards_prove_nothing() -> None:
    assert result([[1.0, 1.0]] * 30, [{"colon": 1.0}] * 30).status == "FAIL"


def test_what_is_missing_is_said() -> None:
    assert one(AUDIT, scores([1.0, 2.0])).reason == "not_provided"
    assert result([[0.0]] * 20, [{}] * 20).reason == "not_provided"
    bad = result([[0.0]] * 20, [{"colon": float("nan")}] * 20)
    assert (bad.status, bad.estimate) == ("FAIL", None)
    assert "not finite" in bad.reason
