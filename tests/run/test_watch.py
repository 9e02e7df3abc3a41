"""The audits of every validation: which there are, what they may read, and the curves that they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.preloaded import run_module

from rmx.audits.accuracy import Accuracy
from rmx.callbacks.metrics_file import read_metrics
from rmx.config.load import compose_config
from rmx.errors import ConfigError
from rmx.run.watch import build_watch


def test_accuracy_is_watched_whatever_else_is() -> None:
    assert build_watch({}) == [Accuracy(slices=("validation",))]
    both = build_watch({"scale": {"slices": ["validation"]}})
    assert [audit.name for audit in both] == ["accuracy", "scale"]
    mine = build_watch({"accuracy": {"slices": ["validation"], "tolerance": {"accuracy": [0.6, None]}}})
    assert [audit.tolerance for audit in mine] == [{"accuracy": (0.6, None)}]


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ({"margin": None}, "watch.margin.slices: validation alone is scored in training, not heldout"),
        ({"margin": {"slices": ["validation", "heldout"]}}, "give watch.margin.slices=[validation]"),
        ({"accuracy": {"slices": ["validation", "*"]}}, "watch.accuracy.slices: validation alone"),
        ({"marginn": {}}, "watch.marginn: unknown audit; did you mean `margin`?"),
        ({"margin": {"drws": 3}}, "watch.margin.drws: unknown key"),
    ],
)
def test_what_judges_is_not_watched(node: dict, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_watch(node)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_default_watches_for_a_length_shortcut(tmp_path: Path) -> None:
    config = compose_config("train", ["watch.length_effect.items=32"], run=tmp_path)
    watched = {audit.name: audit for audit in build_watch(config.watch)}
    assert {"accuracy", "length_effect", "length_balanced", "calibration"} <= set(watched)
    assert watched["length_effect"].items == 32
    # The audits that judge are others, and stay as they are.
    assert config.audit["length_effect"] == compose_config("audit", ["scores=s"], run=tmp_path).audit["length_effect"]
    assert build_watch(compose_config("train", ["~audit@watch"], run=tmp_path).watch) == build_watch({})


def test_every_validation_leaves_its_audits_and_no_judged_slice_is_looked_at(tmp_path: Path) -> None:
    small = ["model=tiny-random", "model.head_init=normal", "data.world.pairs=120", "slice=[]", "scorer={}"]
    run = tmp_path / "run"
    steps = ["trainer.max_steps=4", "trainer.val_every=2", "data.split.validation=0.3", "data.split.heldout=0.3"]
    command = [*small, *steps, f"hydra.run.dir={run}"]
    done = run_module("rmx.train", *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [row for row in read_metrics(run / "metrics.csv") if "val/validation/accuracy" in row]
    assert [row["step"] for row in rows] == [2, 4]
    for row in rows:
        assert row["audit/length_effect/validation/low"] <= row["audit/length_effect/validation"]
        assert {"audit/length_balanced/validation", "audit/calibration/validation/brier"} <= set(row)
        assert not any("heldout" in name for name in row)
    judged = {(r["audit"], r["slice"]) for r in json.loads((run / "audits.json").read_text())}
    assert ("length_effect", "heldout") in judged
    assert ("length_effect", "validation") not in judged
    page = (run / "report.html").read_text()
    assert "length effect (sd)" in page
