"""Real answers that probes are tried on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def hh_answers(shared_data: Path) -> list[str]:
    """The 3,600 last replies of the HH harmless test pairs that are not blank."""
    with gzip.open(shared_data / "hh-harmless" / "pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    answers = [row[side].rsplit("\n\nAssistant:", 1)[1] for row in rows for side in ("chosen", "rejected")]
    return [answer for answer in answers if answer.strip()]
