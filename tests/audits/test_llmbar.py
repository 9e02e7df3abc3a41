"""LLMBar by subset, recounted from the published files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from slices import ask, scores

from rmx.audits.benchmarks.llmbar import PUBLISHED, LLMBar
from rmx.config.load import compose_config
from rmx.data.slices import build_slice
from rmx.score_table import Comparisons, join_scores
from rmx.scorers import build_baseline
from rmx.scorers.slice_texts import collect_texts


def test_subsets_are_told_by_their_files_and_a_tie_is_wrong() -> None:
    files = ["natural", "natural", "adversarial-manual", "adversarial-gptout"]
    table = scores([1.0, 0.0, -1.0, 2.0], slice="llmbar", tags=[json.dumps({"file": f}) for f in files])
    results = {metric: r for (_, scorer, metric), r in ask(LLMBar(), table).items() if scorer == "model"}
    assert (results["natural_accuracy"].estimate, results["manual_accuracy"].estimate) == (0.5, 0.0)
    assert results["accuracy"].estimate == 0.5
    assert results["accuracy"].reason.startswith("not the whole benchmark: 4 of 419")
    odd = scores([1.0], slice="llmbar", tags=[json.dumps({"file": "dataset"})])
    assert "'dataset'" in ask(LLMBar(), odd)["llmbar", "model", "accuracy"].reason


@pytest.mark.real_data
def test_what_length_alone_gets(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "llmbar"
    overrides = ["slice=llmbar", f"slice.llmbar.data.path='{folder}/*.jsonl.gz'", "recipe=none"]
    config = compose_config("train", overrides, run=tmp_path)
    pairs = build_slice("llmbar", config.slice["llmbar"], None, config.data).pairs
    texts = collect_texts("llmbar", pairs)
    comparisons = Comparisons.from_pairs(pairs, slice="llmbar")
    tables = [
        join_scores(texts.scored(name, build_baseline(name).score(texts.candidates)), comparisons)
        for name in ("longer", "shorter")
    ]
    results = ask(LLMBar(), *tables)
    for subset, n in PUBLISHED.items():
        file = folder / f"{subset if subset == 'natural' else f'adversarial-{subset}'}.jsonl.gz"
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = list(map(json.loads, lines))
        lengths = np.array([[len(r[f"output_{k}"]) for k in (r["label"], 3 - r["label"])] for r in rows])
        for scorer, right in (("longer", lengths[:, 0] > lengths[:, 1]), ("shorter", lengths[:, 0] < lengths[:, 1])):
            result = results["llmbar", scorer, f"{subset}_accuracy"]
            assert (result.n_pairs, result.reason) == (n, "")
            assert result.estimate == pytest.approx(right.mean())
    assert results["llmbar", "longer", "accuracy"].n_pairs == 419
