from __future__ import annotations

import numpy as np
from synthetic_run import table

from rmx.report.plots.margins import margin_histogram


def test_caption_counts_wrong_ties_and_confidently_wrong() -> None:
    margins = np.r_[np.full(10, -3.0), np.full(20, -0.5), np.zeros(5), np.full(65, 1.0)]
    view = table("heldout", pairs=100, chosen_reward=margins, rejected_reward=np.zeros(100)).view("model")
    caption = margin_histogram(view).caption
    spread = f"{margins.std(ddof=1):.2f}"
    assert caption.startswith(f"100 heldout pairs: median margin 1.00, standard deviation {spread}; 30.0% in the wrong")
    assert "5 exact ties" in caption
    assert "10.0% below −2" in caption
