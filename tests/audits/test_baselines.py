"""A18: gain over the best trivial baseline."""

from __future__ import annotations

import numpy as np
import pytest
from slices import ask, scores, wins_to_margins

from rmx.audits.baselines import Baselines

AUDIT = Baselines(tolerance={"gain": (0.0, None)})


def _tables(model: float, n: int = 400, **shares: float):
    def wins(share: float) -> np.ndarray:
        return wins_to_margins(np.random.default_rng(int(1000 * share)).permutation(np.arange(n) < round(share * n)))

    return [scores(wins(model)), *(scores(wins(s), scorer=name) for name, s in shares.items())]


def test_the_best_baseline_is_the_one_to_beat() -> None:
    results = ask(AUDIT, *_tables(0.8, longer=0.55, shorter=0.45, bag_of_words=0.62))
    gain = results["heldout", "model", "gain"]
    assert gain.estimate == pytest.approx(0.18)
    assert gain.detail["best"] == "bag_of_words"
    assert gain.status == "PASS"
    assert results["heldout", "model", "gain_available"].estimate == gain.estimate


def test_a_missing_baseline_leaves_the_gain_open_but_names_what_is_there() -> None:
    results = ask(AUDIT, *_tables(0.8, longer=0.55, shorter=0.45))
    gain, available = (results["heldout", "model", m] for m in ("gain", "gain_available"))
    assert (gain.status, gain.reason, gain.estimate) == ("INCONCLUSIVE", "not_provided", None)
    assert gain.detail["missing"] == ["bag_of_words"]
    assert available.estimate == pytest.approx(0.25)
    assert available.detail["best"] == "longer"


def test_without_any_baseline_both_are_open() -> None:
    results = ask(AUDIT, *_tables(0.8))
    assert {r.reason for r in results.values()} == {"not_provided"}


def test_a_scorer_that_is_its_baseline_gains_nothing() -> None:
    results = ask(AUDIT, *_tables(0.6, longer=0.6, shorter=0.4, bag_of_words=0.5))
    gain = results["heldout", "model", "gain"]
    assert gain.estimate == 0
    assert gain.status == "INCONCLUSIVE"
