"""The bench that puts the answer key beside finished runs: what it reads, and that an untrained model fails it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.preloaded import run_module

from rmx.worlds import WORLDS

# The claims of the phrase's world, for a model that has learnt nothing: all but the audit of length, which claims none.
SMALL = [
    "experiment=world_w9", "model=tiny-random", "recipe=none", "trainer.max_steps=1", "trainer.threads=1",
    "data.world.pairs=120", "slice.fresh_policy.data.world.pairs=20", "slice.samples.prompts=12",
    "slice.samples.per_prompt=16",
]  # fmt: skip


@pytest.fixture(scope="module")
def table(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, str]]:
    """Return the status of the bench and its lines by what they are about."""
    run = tmp_path_factory.mktemp("text_layer") / "run"
    done = run_module("rmx.train", *SMALL, f"hydra.run.dir={run}")
    assert done.returncode == 0, done.stdout + done.stderr
    judge = [sys.executable, "-m", "bench.text_layer", str(run)]
    judged = subprocess.run(judge, cwd=repository, capture_output=True, text=True, timeout=100, check=False)
    rows = [re.split(r" {3,}", line.strip(), maxsplit=1) for line in judged.stdout.splitlines()[2:]]
    assert rows, judged.stderr
    return judged.returncode, dict(rows)


def test_the_keys_are_those_of_the_runs_worlds(table: tuple[int, dict[str, str]]) -> None:
    _, rows = table
    world = {"facts": 2, "variety": 1, "exploit_rate": 0.1, "exploit_liking": 7.0, "exploit_loss": 1.5}
    sampled = {**world, "exploit_rate": 0.02}
    desk = WORLDS["access_desk"]
    assert desk.best_of_n is not None
    gold = desk.best_of_n(world, sampled, [1, 2, 4, 8]).gold
    gains = (gold - gold[0]) / desk.key(sampled)["policy_gold_sd"]
    for n, gain in zip((2, 4, 8), gains[1:], strict=True):
        assert rows[f"gold gained by the best of {n}, sd"].startswith(f"{gain:.3f}")
    assert rows["heldout accuracy"].startswith(f"{desk.key(world)['bayes_accuracy']:.3f}")
    assert rows["logits for the phrase, heldout pairs"].startswith("7.000")


def test_a_model_that_has_learnt_nothing_fails(table: tuple[int, dict[str, str]]) -> None:
    status, rows = table
    assert status == 1
    assert any(row.endswith("FAILS") for row in rows.values())
    assert not rows["length effect, sd of the margin"].endswith(("holds", "FAILS"))


def test_what_is_no_run_is_refused(repository: Path, tmp_path: Path) -> None:
    judge = [sys.executable, "-m", "bench.text_layer", str(tmp_path)]
    done = subprocess.run(judge, cwd=repository, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "no finished run of a text world" in done.stderr
