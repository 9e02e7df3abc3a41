"""A pairwise judge is judged from end to end: margins, position bias, and audits of levels that do not apply."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from judge_server import Server
from rmx.config.load import compose_config
from rmx.run.evaluation import evaluate
from rmx.score_table import read_scores


def test_a_judge_behind_an_endpoint_goes_through_audits_gate_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server()
    # It prefers the longer answer, and the first one where the request is of an odd number.
    server.reply = lambda q, _: "A" if "odd" in q or q.index("B>") - q.index("A>") > len(q) - q.index("B>") else "B"
    data = tmp_path / "pairs.jsonl"
    rows = [
        {"prompt": f"{['even', 'odd'][i % 2]} {i}", "chosen": "a longer answer " * 30 + str(i), "rejected": f"no {i}"}
        for i in range(30)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["scorer=generative", f"scorer.generative.url={server.url}", "scorer.generative.model=m"]
    given += ["data=jsonl", f"data.path={data}", "data.near_duplicates=false", "audit=full", "slice=[samples]"]
    question = "scorer.generative.question='{prompt} A> {first} B> {second}'"
    world = ["slice.samples={path: " + str(tmp_path / "samples.jsonl") + "}"]
    (tmp_path / "samples.jsonl").write_text(
        "".join(json.dumps({"prompt": "P", "completions": ["x", "y", "z"], "gold": [1, 2, 3]}) + "\n" for _ in range(1))
    )
    config = compose_config(
        "evaluate", [*given, question, *world, f"paths.cache={tmp_path / 'cache'}"], run=tmp_path / "run"
    )
    status = evaluate(config)
    server.close()
    told = capsys.readouterr().out
    assert "note: the verdict follows the position in 50.0% of 30 pairs" in told
    assert "slice samples has samples and no pairs" in told
    assert status in (3, 4)
    table = read_scores(tmp_path / "run" / "scores" / "heldout.parquet")
    assert table.kind == "pairwise"
    assert table.scorers == ("chosen_first", "longer", "model", "rejected_first", "shorter")
    results = {(r["audit"], r["metric"]): r for r in json.loads((tmp_path / "run" / "audits.json").read_text())}
    assert results["position_bias", "follow_rate"]["estimate"] == 0.5
    assert results["length_effect", "effect_sd"]["reason"] == "not_applicable"
    assert results["degenerate", "below_worst_share"]["reason"] == "not_applicable"
    assert not [r for r in results.values() if "crashed" in r["reason"]]
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
