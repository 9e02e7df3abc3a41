"""The overlap proof as an audit."""

from __future__ import annotations

import pytest
from slices import one

from rmx.audits.split_overlap import SplitOverlap
from rmx.gate.finding import finding

AUDIT = SplitOverlap(tolerance={"overlap": (0, 0)})


def _ledger(pairs: int) -> dict:
    counts = {"train": 90, "heldout": 8, "validation": 2}
    return {"overlap": {"pairs": pairs, "by_split": {}}, "splits": counts, "groups": counts, "split_mode": "grouped"}


@pytest.mark.parametrize(("pairs", "status"), [(0, "PASS"), (1, "FAIL"), (7, "FAIL")])
def test_a_count_is_exact(pairs: int, status: str) -> None:
    result = one(AUDIT, ledger=_ledger(pairs))
    assert (result.estimate, result.ci_low, result.ci_high) == (pairs, pairs, pairs)
    assert (result.status, result.n_pairs, result.slice) == (status, 10, "train")
    assert result.reason == ""


@pytest.mark.parametrize("ledger", [None, {}])
def test_no_ledger_is_not_provided(ledger: dict | None) -> None:
    result = one(AUDIT, ledger=ledger)
    assert (result.status, result.reason) == ("INCONCLUSIVE", "not_provided")


@pytest.mark.parametrize(("searched", "told"), [(True, ""), (False, " (near-duplicate prompts were not searched)")])
def test_a_proof_without_near_duplicates_says_so(searched: bool, told: str) -> None:
    result = one(AUDIT, ledger={**_ledger(0), "near_duplicates": {"searched": searched}})
    assert result.status == "PASS"
    assert finding(result) == f"0 pairs outside the training split share a prompt or group with it{told}."
