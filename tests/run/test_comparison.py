"""`audit scores=[A,B]`: A is judged, B stands beside it, both on the same pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import binom

from rmx.config.load import compose_config
from rmx.errors import ConfigError, DataError
from rmx.run.audit_scores import audit_scores
from rmx.run.comparison import run_names


def write(path: Path, margins: Any, *, first: int = 0, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "pair_id": f"p{first + i:04d}",
            "group": f"g{first + i}",
            "slice": "heldout",
            "chosen_reward": float(margin),
            "rejected_reward": 0.0,
            "chosen_tokens": 10 + i % 7,
            "rejected_tokens": 13,
            "label_source": "human",
            **columns,
        }
        for i, margin in enumerate(margins)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def compared(tmp_path: Path, *paths: Path, **overrides: Any) -> tuple[int, dict[str, Any], Path]:
    run = tmp_path / "run"
    run.mkdir()
    given = [f"scores=[{','.join(map(str, paths))}]", *(f"{key}={value}" for key, value in overrides.items())]
    status = audit_scores(compose_config("audit", given, run=run))
    return status, json.loads((run / "comparison.json").read_text()), run


@pytest.fixture
def margins() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    old = np.where(rng.random(200) < 0.7, 1.0, -1.0) * rng.random(200)
    new = np.where(rng.random(200) < 0.15, -old, old)
    return {"new": new, "old": old}


def test_the_difference_is_that_of_the_common_pairs_and_the_rest_is_counted(
    tmp_path: Path, margins: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    new = write(tmp_path / "new.parquet", margins["new"][:180])
    old = write(tmp_path / "old.parquet", margins["old"][10:], first=10)
    _, found, run = compared(tmp_path, new, old)
    wins = {name: m[10:180] > 0 for name, m in margins.items()}
    better, worse = int((wins["new"] & ~wins["old"]).sum()), int((wins["old"] & ~wins["new"]).sum())
    (difference,) = found["differences"]
    assert difference["estimate"] == pytest.approx(wins["new"].mean() - wins["old"].mean())
    fewer = min(better, worse)
    mid_p = 2 * binom.cdf(fewer, better + worse, 0.5) - binom.pmf(fewer, better + worse, 0.5)
    assert difference["p_value"] == pytest.approx(mid_p)
    assert found["slices"]["heldout"] == {
        "pairs": 170,
        "left_out": {"new.parquet": 10, "old.parquet": 20},
        "other_texts": 0,
        "regrouped": [],
    }
    rows = {(m["audit"], m["metric"]): m["results"] for m in found["metrics"]}
    for name, accuracy in (("new.parquet", wins["new"].mean()), ("old.parquet", wins["old"].mean())):
        assert rows["accuracy", "accuracy"][name]["estimate"] == pytest.approx(accuracy)
        assert rows["accuracy", "accuracy"][name]["n_pairs"] == 170
    lost = found["lost_pairs"]["heldout"]["old.parquet"]
    assert set(lost) == {f"p{10 + i:04d}" for i in np.flatnonzero(wins["old"] & ~wins["new"])}
    # The verdict and audits.json are those of all that the judged one has.
    audits = {(r["audit"], r["slice"]): r for r in json.loads((run / "audits.json").read_text())}
    assert audits["accuracy", "heldout"]["n_pairs"] == 180
    report = (run / "report.html").read_text()
    assert "Compared on the same pairs" in report
    assert "Compared on what all have, 170 of heldout" in capsys.readouterr().out


def test_each_verdict_is_what_it_would_be_alone_and_the_status_is_that_of_the_first(tmp_path: Path) -> None:
    good = write(tmp_path / "good.parquet", np.where(np.arange(300) % 10, 1.0, -0.5))
    bad = write(tmp_path / "bad.parquet", np.where(np.arange(300) % 10, -1.0, 0.5))
    requirement = "{kind: prove, audit: accuracy, slice: heldout, metric: accuracy, above: 0.6}"
    gate = {"gate.requirements": f"{{it: {requirement}}}"}
    alone = {}
    for file in (good, bad):
        run = tmp_path / file.stem
        run.mkdir()
        overrides = [f"scores={file}", *(f"{k}={v}" for k, v in gate.items())]
        status = audit_scores(compose_config("audit", overrides, run=run))
        alone[file.name] = (status, json.loads((run / "gate.json").read_text())["verdict"])
    for i, order in enumerate(([good, bad], [bad, good])):
        (tmp_path / str(i)).mkdir()
        status, found, _ = compared(tmp_path / str(i), *order, **gate)
        assert {r["name"]: r["verdict"] for r in found["runs"]} == {
            name: verdict for name, (_, verdict) in alone.items()
        }
        assert status == alone[order[0].name][0]
        assert found["judged"] == order[0].name
    assert alone["good.parquet"][0] != alone["bad.parquet"][0]


def test_one_path_in_a_list_is_that_path_alone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    file = write(tmp_path / "a.parquet", [1.0] * 30)
    audit_scores(compose_config("audit", [f"scores=[{file}]", "gate.enforce=false"], run=run))
    assert not (run / "comparison.json").exists()


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            {"slice": "mine"},
            r"scores: nothing to compare \(heldout: not scored by b\.parquet; mine: not scored by a\.parquet\)",
        ),
        ({"pair_id": "other"}, r"scores: nothing to compare \(heldout: no pair in common\)"),
        ({"scorer": "mine"}, r"scores: b\.parquet has no scores by model, only by mine; call the scorer"),
    ],
)
def test_nothing_in_common_is_said_before_anything_is_written(
    second: dict[str, str], message: str, tmp_path: Path
) -> None:
    first = write(tmp_path / "a.parquet", [1.0] * 4)
    other = write(tmp_path / "b.parquet", [1.0], **second)
    with pytest.raises(DataError, match=message) as caught:
        compared(tmp_path, first, other)
    assert "\n" not in str(caught.value)
    assert not any((tmp_path / "run").iterdir())


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.csv", "b.csv"], ["a.csv", "b.csv"]),
        (["x/run1", "y/run1"], ["x/run1", "y/run1"]),
        (["x/run1/scores/heldout.parquet", "x/run2/scores/heldout.parquet"], None),
        (["x/run1/scores", "x/run2/"], ["run1", "run2"]),
        (["x/model", "y/last"], ["x/model", "y/last"]),
    ],
)
def test_names_are_as_short_as_they_can_be_and_still_tell_runs_apart(paths: list[str], names: list[str] | None) -> None:
    assert run_names(paths) == (names or ["run1/scores/heldout.parquet", "run2/scores/heldout.parquet"])


def test_the_same_run_twice_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^scores: x/run1 and x/run1/scores are the same; give each run or file once$"
    ):
        run_names(["x/run1", "x/run1/scores"])
