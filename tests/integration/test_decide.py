"""`rmx.decide` from pairs to a recommendation, and the same command again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.test_finished_run import call

pytestmark = pytest.mark.slow

JOB = [
    "model=tiny-random",
    "data=synthetic",
    "data.world.pairs=200",
    "slice=[]",
    "batch.pairs=16",
    "trainer.max_steps=4",
    "trainer.threads=1",
    'decide.dpo_overrides=["optim.lr=1e-3"]',
]


def test_both_are_trained_on_the_same_pairs_compared_and_not_trained_twice(tmp_path: Path) -> None:
    directory = tmp_path / "decided"
    first = call("decide", *JOB, f"hydra.run.dir={directory}").stdout
    decision = json.loads((directory / "decision.json").read_text())
    assert decision["headline"] in first
    assert decision["reward_model"]["cost"]["steps"] == decision["dpo"]["cost"]["steps"] == 4
    assert decision["reward_model"]["cost"]["tokens"] == decision["dpo"]["cost"]["tokens"] > 0
    assert decision["dpo"]["cost"]["training_flops"] > decision["reward_model"]["cost"]["training_flops"]
    assert decision["reward_model"]["cost"]["peak_memory_gib"] > 0
    assert decision["differing_settings"] == {"optim.lr": ["0.0001", "0.001"]}
    assert decision["deciding"]["slice"] == "heldout"
    verdicts = {arm: json.loads((directory / arm / "gate.json").read_text())["verdict"] for arm in ("rm", "dpo")}
    assert verdicts == {"rm": decision["reward_model"]["verdict"], "dpo": decision["dpo"]["verdict"]}
    assert 'id="decision"' in (directory / "report.html").read_text()

    again = call("decide", *JOB, f"hydra.run.dir={directory}", "trainer.resume=auto").stdout
    assert again.count("finished before") == 2
    assert json.loads((directory / "decision.json").read_text()) == decision

    other = tmp_path / "other"
    call("decide", f"decide.rm={directory / 'rm'}", f"decide.dpo={directory / 'dpo'}", f"hydra.run.dir={other}")
    assert json.loads((other / "decision.json").read_text())["deciding"] == decision["deciding"]
