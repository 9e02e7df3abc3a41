"""The slices that a run has without being asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.own_slices import own_slices
from rmx.data.prepare import prepare
from rmx.data.slices import build_slice


def data(folder: Path, sizes: dict[str, tuple[int, int]], **more: Any) -> DataConfig:
    sources = {}
    for name, (start, end) in sizes.items():
        rows = [{"prompt": f"Question {k}?", "chosen": f"{name} yes {k}", "rejected": "no"} for k in range(start, end)]
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources[name] = {"path": str(path)}
    return DataConfig(sources=sources, split=SplitConfig(validation=0.2, heldout=0.3), **more)


def test_a_mixture_has_a_slice_of_each_source_in_what_judges(tmp_path: Path) -> None:
    config = data(tmp_path, {"a": (0, 60), "b": (30, 120)})
    prepared = prepare(config)
    specs = own_slices(prepared)
    parts = ["validation_a", "validation_b", "heldout_a", "heldout_b"]
    assert list(specs) == ["validation", "heldout", *parts]
    built = {name: build_slice(name, spec, prepared, config) for name, spec in specs.items()}
    for split in ("validation", "heldout"):
        parts = [{p.pair_id for p in built[f"{split}_{s}"].pairs} for s in "ab"]
        assert not parts[0] & parts[1]
        assert parts[0] | parts[1] == {p.pair_id for p in built[split].pairs}
        assert all(p.chosen.startswith("a ") for p in built[f"{split}_a"].pairs)
    assert built["heldout_a"].source == "heldout"


def test_of_a_single_source_the_whole_is_enough(tmp_path: Path) -> None:
    assert list(own_slices(prepare(data(tmp_path, {"a": (0, 60)})))) == ["validation", "heldout"]


def test_a_source_that_is_not_held_out_has_no_slice_and_that_is_said(tmp_path: Path) -> None:
    config = data(tmp_path, {"a": (0, 60), "b": (30, 120)})
    prepared = prepare(config)
    trained = [p for p in prepared.splits["train"] if p.tags["source"] == "a"][:3]
    few = tmp_path / "a.jsonl"
    few.write_text(
        "".join(
            json.dumps({"prompt": p.prompt[0].content, "chosen": p.chosen, "rejected": "no"}) + "\n" for p in trained
        )
    )
    prepared = prepare(config)
    assert "heldout_a" not in own_slices(prepared)
    assert "validation_a" not in own_slices(prepared)
    assert any(w.startswith("heldout holds no pair of a:") for w in prepared.ledger.warnings)
