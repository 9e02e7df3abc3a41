"""The prompts that a finished run held out, as rows to be asked."""

from __future__ import annotations

from pathlib import Path

from rmx.data.overlap import read_split
from rmx.data.prepare import prepare
from rmx.data.prepared import split_rows
from rmx.data.row_stream import Row
from rmx.data.stream import Need
from rmx.data.text import digest
from rmx.errors import ConfigError, RunError
from rmx.run.finished import FinishedRun

__all__ = ["run_prompts"]


def run_prompts(run: FinishedRun, split: str, *, cache: Path) -> tuple[list[Row], str]:
    """Return each distinct prompt of one split of a run once, with its group, and an identity of them all.

    Raises:
        ConfigError: The split is empty.
        RunError: The run's data have changed since: other prompts may have been trained on.
    """
    rows_of_split = read_split(run.directory.data)
    recorded = {row.pair_id: row for row in rows_of_split if row.split == split}
    if not recorded:
        raise ConfigError(f"sample.split={split}: {run.directory.path} has no pairs there; choose another split")
    trained = {row.pair_id for row in rows_of_split if row.split == "train"}
    # A stream is read as far as it was then: what the model could not read is what is not recorded.
    need = run.steps and Need(*run.steps, lambda pairs: [p.pair_id for p in pairs if p.pair_id not in trained])
    pairs = prepare(run.data, cache=cache / "data", need=need).splits[split]
    now = {row.pair_id: row for row in split_rows({split: pairs})}
    if any(now.get(pair_id) != row for pair_id, row in recorded.items()):
        raise RunError(
            f"{run.directory.path}: its data have changed since, and with them perhaps what it held out; bring the "
            "data back, or give a file of prompts"
        )
    rows: dict[object, Row] = {}
    for pair in pairs:
        if pair.pair_id in recorded:
            prompt = [turn._asdict() for turn in pair.prompt]
            rows.setdefault(pair.prompt, (pair.origin, {"prompt": prompt, "group": pair.group}))
    return list(rows.values()), digest(*(f"{row.pair_id} {row.prompt}" for row in recorded.values()))
