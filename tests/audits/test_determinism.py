"""A20: changes and flips counted by hand, clean and broken scorers, and how many pairs a proof takes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from slices import ask, scores

from rmx.audits.determinism import RESCORED, Determinism
from rmx.domain import AuditResult
from rmx.score_table import CANDIDATE_COLUMNS, CandidateTable

AUDIT = Determinism(tolerance={"max_change": (None, 1e-4), "flip_rate": (None, 0.005)})


def results(chosen: np.ndarray, rejected: np.ndarray, again: dict[str, tuple[np.ndarray, np.ndarray]], **columns):
    """Results for pairs whose two completions were scored again as `again` says; NaN leaves a text out."""
    n = len(chosen)
    ids = {side: [f"{side}{i}" for i in range(n)] for side in ("chosen", "rejected")}
    table = scores(
        chosen - rejected, rejected=rejected, chosen_id=ids["chosen"], rejected_id=ids["rejected"], **columns
    )
    rows = []
    for i in range(n):
        for side, first in (("chosen", chosen), ("rejected", rejected)):
            text = {"slice": "heldout", "scorer": "model", "group": f"g{i}", "candidate_id": ids[side][i]}
            rows.append(text | {"reward": first[i]})
            for variant, both in again.items():
                reward = both[0 if side == "chosen" else 1][i]
                if not np.isnan(reward):
                    rows.append(
                        text | {"reward": reward, "probe": RESCORED, "variant": variant, "source_id": ids[side][i]}
                    )
    candidates = CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))
    found = ask(AUDIT, table, candidates={"heldout": candidates})
    return {metric: result for (_, _, metric), result in found.items()}


def test_changes_and_flips_by_hand() -> None:
    chosen, rejected = np.array([1.0, 10.0, 0.5]), np.array([0.0, 9.0, 0.4])
    none = np.nan
    found = results(
        chosen,
        rejected,
        {
            "alone": (chosen + np.array([0, 0.5, 0]), rejected),
            "padded": (np.array([1.0, none, 0.3]), np.array([0.0, 9.0, 0.4])),
        },
    )
    # .5 of 10 is .05; .2 of .5 counts as .2, because below one the change itself counts.
    assert found["max_change"].estimate == pytest.approx(0.2)
    ways = found["max_change"].detail["ways"]
    assert ways["alone"]["max_change"] == pytest.approx(0.05)
    assert (ways["alone"]["flips"], ways["padded"]["flips"]) == (0, 1)
    assert (ways["alone"]["n_texts"], ways["padded"]["n_texts"]) == (6, 5)
    assert found["flip_rate"].estimate == pytest.approx(1 / 3)
    assert found["flip_rate"].n_pairs == 3


def test_rounding_passes_and_a_batch_bug_does_not() -> None:
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(1, 1, 900), rng.normal(0, 1, 900)
    near = {"alone": (chosen + rng.normal(0, 1e-6, 900), rejected + rng.normal(0, 1e-6, 900))}
    clean = results(chosen, rejected, near)
    assert {r.status for r in clean.values()} == {"PASS"}
    assert clean["max_change"].ci_method == "exact maximum"
    bug = results(chosen, rejected, {"padded": (chosen + rng.normal(0, 0.5, 900), rejected)})
    assert {r.status for r in bug.values()} == {"FAIL"}


@pytest.mark.parametrize(("pairs", "status"), [(100, "INCONCLUSIVE"), (700, "INCONCLUSIVE"), (770, "PASS")])
def test_no_flip_proves_a_low_rate_only_with_many_pairs(pairs: int, status: str) -> None:
    chosen, rejected = np.arange(pairs) + 1.0, np.arange(pairs) * 1.0
    assert results(chosen, rejected, {"alone": (chosen, rejected)})["flip_rate"].status == status


def test_a_tie_that_is_broken_is_a_flip() -> None:
    ones = np.ones(4)
    found = results(ones, ones, {"alone": (ones + 1e-7, ones)})
    assert found["flip_rate"].estimate == 1
    assert found["max_change"].detail["ways"]["alone"]["p99_sd"] is None


def test_what_is_missing_or_not_finite() -> None:
    chosen = np.array([1.0, 2.0])
    assert {r.reason for r in results(chosen, chosen - 1, {}).values()} == {"not_provided"}
    infinite = results(chosen, chosen - 1, {"alone": (chosen, np.array([np.inf, 1.0]))})
    assert {r.status for r in infinite.values()} == {"FAIL"}
    one_side = results(chosen, chosen - 1, {"alone": (chosen, np.full(2, np.nan))})
    assert one_side["max_change"].estimate == 0
    assert isinstance(one_side["flip_rate"], AuditResult)
    assert one_side["flip_rate"].estimate is None
