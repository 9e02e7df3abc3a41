"""Writes docs/breadth.md from the outcomes of its tests: `pytest tests/breadth --breadth-table`."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from breadth_cells import CELLS
from breadth_table import PLACE, Cell, table, with_table

_OPTION = "--breadth-table"
_TEST = "test_a_cell_trains_exports_and_reloads"


class _Outcomes:
    """Gathers which cells passed; with several workers their reports arrive at the one that started them."""

    def __init__(self, root: Path) -> None:
        self.page = root / PLACE
        self.passed: dict[Cell, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        if report.when == "call" and name.startswith(_TEST):
            cell = name.removeprefix(f"{_TEST}[").removesuffix("]").split(" x ")
            self.passed[cell[0], cell[1], cell[2]] = report.passed

    def pytest_sessionfinish(self) -> None:
        missing = [cell for cell in CELLS if cell not in self.passed]
        if missing:
            raise pytest.UsageError(f"{_OPTION}: {len(missing)} cells did not run, first {missing[0]}; run them all")
        import peft
        import torch
        import transformers

        versions = f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}"
        count = f"{sum(self.passed.values()):,} of {len(CELLS):,} cells passed"
        facts = f"{count}; Python {platform.python_version()}, {versions}."
        ordered = {cell: self.passed[cell] for cell in CELLS}
        self.page.write_text(with_table(self.page.read_text("utf-8"), table(ordered, facts)), "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(_OPTION, action="store_true", help=f"write {PLACE} from the outcomes")


def pytest_configure(config: pytest.Config) -> None:
    # Of several workers only the one that started them writes.
    if config.getoption(_OPTION, default=False) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Outcomes(config.rootpath))
