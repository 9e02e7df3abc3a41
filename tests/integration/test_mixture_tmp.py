"""A run on a mixture, and one on a stream: slices, curves and accounts by source, the same bits after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from rmx.callbacks.metrics_file import read_metrics
from rmx.score_table import read_scores

SMALL = ["model=tiny-random", "slice=[]", "batch.pairs=8", "optim.lr=1e-3", "trainer.threads=1", "trainer.quiet=true"]


def rows(name: str, n: int) -> list[dict[str, str]]:
    return [
        {"prompt": f"{name} asks number {k}?", "chosen": f"a good answer to {k}", "rejected": f"{k}, bad"}
        for k in range(n)
    ]


def write(path: Path, lines: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def mixture(folder: Path) -> list[str]:
    one, two = (write(folder / f"{name}.jsonl", rows(name, n)) for name, n in (("ann", 60), ("bo", 200)))
    return [
        "data=mixture",
        *("+data@data.sources.ann=jsonl", f"data.sources.ann.path={one}", "data.sources.ann.label_source=human"),
        *("+data@data.sources.bo=jsonl", f"data.sources.bo.path={two}", "data.sources.bo.label_source=model"),
        *(
            "data.sources.ann.weight=1",
            "data.sources.bo.weight=3",
            "data.split.validation=0.15",
            "data.split.heldout=0.2",
        ),
    ]


def command(name: str, directory: Path, *overrides: str) -> list[str]:
    return [sys.executable, "-m", f"rmx.{name}", *overrides, f"hydra.run.dir={directory}"]


def call(name: str, directory: Path, *overrides: str) -> str:
    done = subprocess.run(
        command(name, directory, *overrides), capture_output=True, text=True, timeout=1400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return mixture(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def run(sources: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mixture") / "run"
    printed = call("train", directory, *SMALL, *sources, "trainer.max_steps=8", "trainer.val_every=4")
    assert "in an epoch" in printed
    return directory


@pytest.mark.slow
def test_a_mixture_is_watched_judged_and_accounted_for_by_source(run: Path) -> None:
    ledger = json.loads((run / "data" / "ledger.json").read_text())
    accounts = ledger["by_source"]
    assert accounts["ann"]["epoch_share"] == pytest.approx(0.25, abs=0.01)

    curves = read_metrics(run / "metrics.csv")
    for name in ("validation", "validation_ann", "validation_bo"):
        assert len([r for r in curves if f"val/{name}/accuracy" in r]) == 2
    last = next(r for r in reversed(curves) if "val/validation/accuracy" in r)
    counts = {name: accounts[name]["splits"]["validation"] for name in ("ann", "bo")}
    mean = sum(n * last[f"val/validation_{name}/accuracy"] for name, n in counts.items()) / sum(counts.values())
    assert mean == pytest.approx(last["val/validation/accuracy"])

    tables = {
        name: read_scores(run / "scores" / f"{name}.parquet") for name in ("heldout", "heldout_ann", "heldout_bo")
    }
    by_pair = {r["pair_id"]: r["chosen_reward"] for r in tables["heldout"].table.to_pylist() if r["scorer"] == "model"}
    for name, source in (("heldout_ann", "human"), ("heldout_bo", "model")):
        mine = [r for r in tables[name].table.to_pylist() if r["scorer"] == "model"]
        assert {r["pair_id"]: r["chosen_reward"] for r in mine}.items() <= by_pair.items()
        assert tables[name].label_sources == (source,)
    assert tables["heldout"].label_sources == ("human", "model")

    audits = json.loads((run / "audits.json").read_text())
    judged = {
        a["slice"] for a in audits if a["audit"] == "accuracy" and a["scorer"] == "model" and a["estimate"] is not None
    }
    assert judged >= {"heldout", "heldout_ann", "heldout_bo", "validation_ann", "validation_bo"}
    gate = json.loads((run / "gate.json").read_text())
    assert {r["slice"] for r in gate["requirements"]} <= {"train", "heldout", "fresh_policy", "samples"}
    page = (run / "report.html").read_text()
    assert 'aria-label="Sources of the mixture"' in page


@pytest.mark.slow
def test_a_mixture_is_evaluated_by_source(run: Path, sources: list[str], tmp_path: Path) -> None:
    again = tmp_path / "again"
    call("evaluate", again, f"reward={run}", "gate.enforce=false", "slice=[]")
    assert {p.name for p in (again / "scores").iterdir()} >= {"heldout_ann.parquet", "validation_bo.parquet"}
    given = tmp_path / "given"
    call("evaluate", given, f"reward={run}", "gate.enforce=false", "slice=[]", *sources)
    sizes = {
        n: len(read_scores(given / "scores" / f"{n}.parquet").view()) for n in ("heldout", "heldout_ann", "heldout_bo")
    }
    assert sizes == {"heldout": 260, "heldout_ann": 60, "heldout_bo": 200}


@pytest.mark.slow
def test_a_stream_that_was_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    # Never read to its end: the last line would be refused.
    file = write(tmp_path / "rows.jsonl", rows("cy", 400))
    file.write_text(file.read_text() + '{"prompt": "cut in the mid')
    job = [
        *SMALL,
        "data=jsonl",
        f"data.path={file}",
        "data.stream=true",
        "trainer.max_steps=20",
        "trainer.save_every=1",
    ]
    whole = tmp_path / "whole"
    call("train", whole, *job)
    ledger = json.loads((whole / "data" / "ledger.json").read_text())
    assert ledger["splits"]["train"] == 160
    assert ledger["stream"] == {"rows_read": ledger["rows_in"], "read_for": 160}
    gate = json.loads((whole / "gate.json").read_text())
    proof = next(r for r in gate["requirements"] if r["audit"] == "split_overlap")
    assert (proof["status"], proof["result"]["detail"]["caveat"]) == (
        "PASS",
        "near-duplicate prompts were not searched",
    )
    assert "(near-duplicate prompts were not searched)" in (whole / "report.html").read_text()

    killed = tmp_path / "killed"
    process = subprocess.Popen(command("train", killed, *job), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 1400
    while sum("train/loss" in r for r in _rows(killed / "metrics.csv")) < 9:
        assert process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    call("train", killed, *job, "trainer.resume=auto")
    mine, theirs = (load_file(d / "checkpoints" / "last.ckpt" / "tensors.safetensors") for d in (killed, whole))
    trained = [name for name in theirs if name.startswith("/state_dict/")]
    assert trained
    assert all((mine[name] == theirs[name]).all() for name in trained)
    losses = [[r["train/loss"] for r in read_metrics(d / "metrics.csv") if "train/loss" in r] for d in (killed, whole)]
    assert losses[0] == losses[1]


def _rows(metrics: Path) -> list[dict[str, float]]:
    try:
        return read_metrics(metrics) if metrics.exists() else []
    except Exception:  # it is being written
        return []
