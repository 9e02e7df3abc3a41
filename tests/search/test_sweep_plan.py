"""What a sweep comes to before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rmx.errors import ConfigError
from rmx.search.plan import SweepSettings, make_plan

GRID = {
    "method": "grid",
    "metric": {"name": "val/validation/accuracy", "goal": "maximize"},
    "parameters": {"optim.lr": {"values": [0.1, 0.2]}},
    "command": ["${interpreter}", "-m", "rmx.train", "${args_no_hyphens}"],
}


def test_a_cross_fit_is_compared_by_its_verdicts_alone(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump(GRID))
    folds = ["data.split.folds=3"]
    with pytest.raises(ConfigError, match=r"a cross-fit writes no val/validation/acc.*leave data\.split\.folds out"):
        make_plan(file, SweepSettings(), folds, [])
    assert make_plan(file, SweepSettings(), [*folds, "data.split.fold=0"], []).metric is not None
    file.write_text(yaml.safe_dump({key: value for key, value in GRID.items() if key != "metric"}))
    assert make_plan(file, SweepSettings(), [], []).metric is not None
    plan = make_plan(file, SweepSettings(), folds, [])
    assert (plan.metric, plan.count) == (None, 2)
