from __future__ import annotations

import numpy as np
from synthetic_run import table

from rmx.report.plots.rows import finite_rows


def test_only_rows_with_finite_margins_stay_and_stay_together() -> None:
    rewards = np.arange(30, dtype=float)
    rewards[[3, 7]] = np.nan
    rewards[11] = np.inf
    view = table("heldout", pairs=30, chosen_reward=rewards, rejected_reward=np.zeros(30)).view("model")
    assert view is not None
    kept = finite_rows(view)
    assert len(kept) == 27
    assert [f"heldout-{int(margin):06d}" for margin in kept.margins] == kept.pair_ids
    assert [kept.group_names[code] for code in kept.group_codes] == [f"g{int(margin) // 3}" for margin in kept.margins]
    assert len(kept.label_sources) == len(kept.tags_json) == len(kept.agreement) == 27
