"""Which rows are asked where they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmx.model.lineage import Lineage, lineage_note
from rmx.run.lineage import print_lineage_notes, sampled_rows


class OfTexts:
    """A scorer that reads no tokens."""

    identity = "words"
    flags = ()

    def score_texts(self, candidates):
        raise NotImplementedError


def test_rows_of_sampled_slices_are_read_and_of_no_others(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps({"prompt": "p", "completions": ["a"], "sampling": {"model_type": "llama"}}) + "\n")
    slices = {
        "samples": {"path": str(path)},
        "mine": {"from": "samples", "path": [str(path)]},
        "world": {"from": "samples", "path": None},
        "pairs": {"from": "data", "path": "none.jsonl"},
    }
    assert [row["sampling"] for row in sampled_rows(slices)] == [{"model_type": "llama"}] * 2


def test_what_is_not_known_is_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert lineage_note(Lineage("llama", ""), Lineage("llama", "01")) is None
    assert lineage_note(Lineage("", "01"), Lineage("llama", "01")) is None
    assert lineage_note(Lineage("qwen2", "01"), Lineage("llama", "01")) is not None
    print_lineage_notes([{"sampling": {"model_type": "qwen2", "tokenizer_hash": "01"}}], OfTexts())
    assert capsys.readouterr().out == ""
