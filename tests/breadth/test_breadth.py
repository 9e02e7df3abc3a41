"""Every data format with every backbone and every adapter: trained, exported, read again by plain transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
from breadth_cells import ADAPTERS, CELLS, MODELS, train_and_reload
from breadth_rows import FORMATS
from breadth_table import PLACE, cells_of


def _fast(data: str, model: str, adapter: str) -> bool:
    """Whether a cell is one of the few that every test run tries: each format, backbone and adapter at least once."""
    formats, models, adapters = list(FORMATS), list(MODELS), list(ADAPTERS)
    d, m, a = formats.index(data), models.index(model), adapters.index(adapter)
    return (m == d % len(models) and a == d % len(adapters)) or (d == m % len(formats) and a == (m + 1) % len(adapters))


@pytest.mark.parametrize(
    ("data", "model", "adapter"),
    [pytest.param(*cell, marks=() if _fast(*cell) else pytest.mark.slow) for cell in CELLS],
    ids=[" x ".join(cell) for cell in CELLS],
)
def test_a_cell_trains_exports_and_reloads(
    data: str, model: str, adapter: str, weights_cache: Path, tmp_path: Path
) -> None:
    train_and_reload(data, model, adapter, cache=weights_cache, directory=tmp_path)


def test_the_few_hold_every_format_backbone_and_adapter() -> None:
    few = [cell for cell in CELLS if _fast(*cell)]
    assert {cell[0] for cell in few} == set(FORMATS)
    assert {cell[1] for cell in few} == set(MODELS)
    assert {cell[2] for cell in few} == set(ADAPTERS)


def test_the_published_table_is_of_these_cells(repository: Path) -> None:
    assert cells_of((repository / PLACE).read_text(encoding="utf-8")) == set(CELLS)
