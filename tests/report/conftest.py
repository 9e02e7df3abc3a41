from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_run import Run, synthetic_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return synthetic_run(tmp_path)
