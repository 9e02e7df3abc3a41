"""The ledger as the page shows it: what train knows of the texts that judge."""

from __future__ import annotations

from typing import Any

import pytest

from rmx.report.ledger import view_ledger

LEDGER = {"rows_in": 3, "comparisons_in": 3, "kept": 3, "rejected": {}, "held_out": 0, "review": 0}
CLEAN = {"prompt": 0, "pair": 0, "response": 0, "near_prompt": None, "ngram": 0}


def entry(**counts: int) -> dict[str, Any]:
    return {"items": 1200, "groups": 900, "counts": {**CLEAN, **counts}, "shares": {}, "ids": {}}


@pytest.mark.parametrize(
    ("by_slice", "words"),
    [
        ({"heldout": entry(), "exam": entry()}, "nothing of heldout, exam stands in train"),
        (
            {"heldout": entry(), "exam": entry(prompt=1100, near_prompt=3)},
            "exam (1,200): 1,100 with the same prompt, 3 with a near-duplicate prompt",
        ),
    ],
)
def test_contamination_is_a_note_in_words(by_slice: dict[str, Any], words: str) -> None:
    view = view_ledger({**LEDGER, "contamination": {"by_slice": by_slice}})
    assert view is not None
    assert dict(view.notes)["contamination"] == words


@pytest.mark.parametrize("ledger", [LEDGER, {**LEDGER, "contamination": None}])
def test_what_was_not_searched_is_not_called_clean(ledger: dict[str, Any]) -> None:
    view = view_ledger(ledger)
    assert view is not None
    assert "contamination" not in dict(view.notes)


def test_each_source_of_a_mixture_has_a_row_and_one_that_does_not_balance_is_said() -> None:
    account = {"comparisons_in": 1400, "kept": 1300, "rejected": {"over_length": 80, "duplicate_pair": 15}}
    account |= {"held_out": 2, "review": 3, "epoch_pairs": 1100, "epoch_share": 0.6667}
    view = view_ledger({**LEDGER, "by_source": {"hh": account, "alpaca": {**account, "kept": 1299}}})
    assert view is not None
    first, second = view.sources
    assert (first.name, first.comparisons, first.kept, first.apart) == ("hh", "1,400", "1,300", "5")
    assert first.rejected == "95 (over length 80, duplicate pair 15)"
    assert (first.epoch, first.share, first.balanced) == ("1,100", "66.7%", True)
    assert not second.balanced
    assert "by source" not in dict(view.notes)


def test_data_that_are_no_mixture_have_no_sources() -> None:
    view = view_ledger(LEDGER)
    assert view is not None
    assert view.sources == ()
