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
