"""What a finished run is good for: plain transformers, rmx.score, rmx.evaluate and rmx.audit agree with it."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.preloaded import run_module
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import rmx
from rmx.score_table import ScoreTable, read_candidates, read_scores, write_table

JOB = [
    "model=tiny-random",
    "data=synthetic",
    "data.world.pairs=300",
    "slice.fresh_policy.data.world.pairs=60",
    "batch.pairs=32",
    "optim.lr=3e-3",
    "trainer.max_steps=8",
    "trainer.threads=1",
]


def call(name: str, *overrides: str, status: int = 0, timeout: float = 250) -> subprocess.CompletedProcess[str]:
    done = run_module(f"rmx.{name}", *overrides, timeout=timeout)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("finished") / "run"
    call("train", *JOB, f"hydra.run.dir={directory}")
    return directory


def test_a_run_leaves_what_the_design_says(finished: Path) -> None:
    wanted = {
        "config.yaml",
        "record.json",
        "data",
        "checkpoints",
        "metrics.csv",
        "scores",
        "audits.json",
        "gate.json",
        "model",
        "report.html",
    }
    assert wanted <= {p.name for p in finished.iterdir()}
    ledger = json.loads((finished / "data" / "ledger.json").read_text())
    assert ledger["comparisons_in"] == 300
    assert ledger["kept"] + sum(ledger["rejected"].values()) + ledger["held_out"] + ledger["review"] == 300
    assert ledger["overlap"]["pairs"] == 0
    searched = ledger["contamination"]["by_slice"]
    assert {"heldout", "validation", "fresh_policy"} <= set(searched)
    assert all(entry["counts"]["prompt"] == 0 for entry in searched.values())
    for file in ("data/contamination.jsonl", "data/dynamics.parquet", "review/suspects.jsonl"):
        assert (finished / file).is_file()
    assert {"heldout", "validation", "fresh_policy"} <= {p.name.split(".")[0] for p in (finished / "scores").iterdir()}


def test_auditing_the_scores_again_gives_the_same_bytes_without_torch(finished: Path, tmp_path: Path) -> None:
    call("audit", f"scores={finished}", "gate.enforce=false", f"hydra.run.dir={tmp_path / 'again'}")
    assert (tmp_path / "again" / "audits.json").read_bytes() == (finished / "audits.json").read_bytes()
    loaded = "import sys, rmx.run.audit_scores; sys.exit(any(m in sys.modules for m in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", loaded], timeout=60, check=False).returncode == 0


def test_the_worst_examples_are_shown_with_their_texts_again_and_only_with_their_own(
    finished: Path, tmp_path: Path
) -> None:
    examples = [json.loads(line) for line in (finished / "scores" / "examples.jsonl").read_text().splitlines()]
    assert {"accuracy", "length_effect"} <= {example["audit"] for example in examples}
    chosen = next(e for e in examples if e["audit"] == "accuracy")["sides"][0]["completion"]
    call("audit", f"scores={finished}", "gate.enforce=false", f"hydra.run.dir={tmp_path / 'again'}")
    for report in (finished / "report.html", tmp_path / "again" / "report.html"):
        assert html.escape(chosen, quote=False).replace("'", "&#39;") in report.read_text()
        assert "not at hand" not in report.read_text()

    bare = Path(shutil.copy(finished / "scores" / "heldout.parquet", tmp_path))
    call("audit", f"scores={bare}", "gate.enforce=false", f"hydra.run.dir={tmp_path / 'bare'}")
    assert "The texts of these are not at hand" in (tmp_path / "bare" / "report.html").read_text()

    run = copy_of(finished, tmp_path)
    file = run / "scores" / "examples.jsonl"
    file.write_text(file.read_text().replace(json.dumps(chosen), json.dumps("Something kinder.")))
    done = call("audit", f"scores={run}", f"hydra.run.dir={tmp_path / 'edited'}", status=1)
    assert "examples.jsonl: row 1: the text is not the one that was scored" in done.stderr


def test_runs_are_compared_on_the_pairs_that_they_share(finished: Path, tmp_path: Path) -> None:
    table = read_scores(finished / "scores" / "heldout.parquet").table.to_pylist()
    rows = [
        {**{k: row[k] for k in ("pair_id", "group", "slice", "chosen_id", "rejected_id")}, "margin": 1.0}
        for row in table
        if row["scorer"] == "model"
    ][:30]
    other = tmp_path / "perfect.jsonl"
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    verdict = json.loads((finished / "gate.json").read_text())["verdict"]
    status = {"PASS": 0, "FAIL": 3, "INCONCLUSIVE": 4}[verdict]
    done = call("audit", f"scores=[{finished},{other}]", f"hydra.run.dir={tmp_path / 'c'}", status=status)
    assert "Compared on what all have, 30 of heldout" in done.stdout
    found = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert found["runs"][0]["verdict"] == verdict
    wins = {row["pair_id"]: row["chosen_reward"] > row["rejected_reward"] for row in table if row["scorer"] == "model"}
    accuracy = sum(wins[row["pair_id"]] for row in rows) / 30
    assert found["differences"][0]["estimate"] == pytest.approx(accuracy - 1)
    assert (tmp_path / "c" / "gate.json").exists()


def test_enforcing_the_gate_turns_the_verdict_into_the_exit_status(finished: Path, tmp_path: Path) -> None:
    verdict = json.loads((finished / "gate.json").read_text())["verdict"]
    status = {"PASS": 0, "FAIL": 3, "INCONCLUSIVE": 4}[verdict]
    call("audit", f"scores={finished}", f"hydra.run.dir={tmp_path / 'again'}", status=status)


def test_score_and_plain_transformers_give_the_rewards_that_were_judged(finished: Path, tmp_path: Path) -> None:
    contract = json.loads((finished / "model" / "rmx.json").read_text())
    rows = [
        {"id": str(i), "prompt": [dict(zip(("role", "content"), m, strict=True)) for m in g["prompt"]], **g}
        for i, g in enumerate(contract["golden"])
    ]
    for row, golden in zip(rows, contract["golden"], strict=True):
        row["prompt"] = [{"role": role, "content": content} for role, content in golden["prompt"]]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({k: r[k] for k in ("id", "prompt", "completion")}) + "\n" for r in rows))
    call("score", f"reward={finished}", f"input={source}", f"output={target}", "trainer.threads=1")
    scored = [json.loads(line)["reward"] for line in target.read_text().splitlines()]
    recorded = [g["score"] for g in contract["golden"]]
    assert scored == pytest.approx(recorded, abs=1e-5)

    model = AutoModelForSequenceClassification.from_pretrained(finished / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(finished / "model")
    for side in ("left", "right"):
        tokenizer.padding_side = side
        batch = tokenizer.pad({"input_ids": [g["ids"] for g in contract["golden"]]}, return_tensors="pt")
        with torch.no_grad():
            assert model(**batch).logits[:, 0].tolist() == pytest.approx(recorded, abs=1e-5)


def test_the_export_scores_the_heldout_texts_as_the_run_did(finished: Path, tmp_path: Path) -> None:
    call("evaluate", f"reward={finished}", "gate.enforce=false", "trainer.threads=1", f"hydra.run.dir={tmp_path / 'e'}")
    mine, theirs = (
        {row["candidate_id"]: row["reward"] for row in read_candidates(d / name).of("model").to_pylist()}
        for d, name in ((tmp_path / "e" / "scores", "heldout.candidates.parquet"),) * 1
        + ((finished / "scores", "heldout.candidates.parquet"),)
    )
    assert mine.keys() == theirs.keys()
    assert all(mine[k] == pytest.approx(theirs[k], abs=1e-5) for k in theirs)


def copy_of(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def requirement(directory: Path, name: str) -> dict[str, Any]:
    (found,) = [r for r in json.loads((directory / "gate.json").read_text())["requirements"] if r["name"] == name]
    return dict(found)


def test_data_that_changed_since_training_are_not_judged_as_heldout(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    decision = json.loads((run / "gate.json").read_text())
    decision["fingerprints"]["data"] = "other rows"
    (run / "gate.json").write_text(json.dumps(decision))
    done = call("evaluate", f"reward={run}", f"hydra.run.dir={tmp_path / 'e'}", status=1)
    assert "its data has changed since" in done.stderr
    assert "data=NAME" in done.stderr


def test_what_a_run_was_trained_on_cannot_be_its_evaluation(finished: Path, tmp_path: Path) -> None:
    data = ["data=synthetic", "data.world.pairs=300", "data.world.labels=gold"]
    call("evaluate", f"reward={finished}", *data, "slice=[]", f"hydra.run.dir={tmp_path / 'e'}", status=3)
    overlap = requirement(tmp_path / "e", "split_overlap")
    trained = json.loads((finished / "data" / "ledger.json").read_text())["splits"]["train"]
    assert (overlap["status"], overlap["result"]["estimate"]) == ("FAIL", trained)
    hits = [json.loads(line) for line in (tmp_path / "e" / "data" / "contamination.jsonl").read_text().splitlines()]
    assert sum(hit["slice"] == "heldout" and hit["kind"] == "prompt" for hit in hits) == trained


def test_scores_of_another_model_are_not_judged_as_the_runs(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    table = read_scores(run / "scores" / "heldout.parquet")
    write_table(ScoreTable(table.table.slice(0, len(table) - 1)), run / "scores" / "heldout.parquet")
    done = call("audit", f"scores={run}", f"hydra.run.dir={tmp_path / 'a'}", status=1)
    assert "heldout.parquet: not the scores that" in done.stderr


def test_a_foreign_file_in_a_run_gets_no_proof_from_it(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    rows = [{"pair_id": str(i), "group": str(i), "chosen_reward": i % 3, "rejected_reward": 0} for i in range(60)]
    (run / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    call("audit", f"scores={run / 'mine.jsonl'}", "gate=default", f"hydra.run.dir={tmp_path / 'a'}", status=4)
    assert requirement(tmp_path / "a", "split_overlap")["status"] == "INCONCLUSIVE"


def test_python_can_score_too(finished: Path) -> None:
    reward = rmx.load(finished)
    rewards = reward.score(["May Ana enter the lab?"] * 2, ["Yes.", "No, her badge has expired."])
    assert rewards.shape == (2,)
    assert len(set(rewards.tolist())) == 2
