"""The main job refuses at once what it would only use at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.preloaded import run_module

from rmx.config.load import compose_config
from rmx.errors import ConfigError
from rmx.run import main_job
from rmx.score_table import read_scores


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("gate.requirements.length_efect.within=5", "gate.requirements.length_efect.kind: missing value"),
        ("scorer.longer.kidn=longer", "scorer.longer.kidn: unknown key; did you mean `kind`?"),
        ("scorer.longer.kind=longr", "scorer.longer.kind: 'longr' is not known; did you mean `longer`?"),
        ("scorer.mine.kind=longer", "scorer.mine.kind: scorer.longer is longer already; leave one of them out"),
        ("audit.accuracy.levle=1", "audit.accuracy.levle: unknown key"),
    ],
)
def test_wrong_judges_are_refused_before_the_model_is_loaded(
    override: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: Any, **__: Any) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(main_job, "build_model", unwanted)
    run = tmp_path / "run"
    config = compose_config("train", ["model=tiny-random", override], run=run)
    with pytest.raises(ConfigError) as caught:
        main_job.train(config)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not run.exists()


def test_a_run_without_a_validation_slice_is_judged_on_heldout_all_the_same(tmp_path: Path) -> None:
    small = ["model=tiny-random", "model.head_init=normal", "trainer.max_steps=1", "data.world.pairs=24", "slice=[]"]
    run = tmp_path / "run"
    split = ["data.split.validation=0", "data.split.heldout=0.4"]
    command = [*small, *split, f"hydra.run.dir={run}"]
    done = run_module("rmx.train", *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ledger = json.loads((run / "data" / "ledger.json").read_text())
    assert ledger["splits"]["validation"] == 0
    assert len(read_scores(run / "scores" / "heldout.parquet").view()) == ledger["splits"]["heldout"]
