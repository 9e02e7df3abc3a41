"""What the runs of all folds found, as the evidence on one recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rmx.audits.evidence import Evidence
from rmx.data.overlap import read_split
from rmx.data.prepared import Prepared, split_rows
from rmx.data.split import fold_name
from rmx.errors import RunError
from rmx.run.directory import RunDirectory
from rmx.run.finished import FinishedRun
from rmx.run.fold_ledger import pool_ledgers
from rmx.run.found_scores import FoundScores, find_scores
from rmx.run.judgement import validation_temperature
from rmx.score_table import CandidateTable, pool_folds
from rmx.whole_file import write_jsonl, write_text

__all__ = ["FoldRun", "find_fold", "pool_evidence", "write_to_rate"]


@dataclass(frozen=True)
class FoldRun:
    """The finished run of one fold."""

    fold: int
    run: FinishedRun
    scores: FoundScores


def find_fold(path: Path, fold: int) -> FoldRun:
    """Return the finished run of a fold.

    Raises:
        DataError: Its scores or its split are not those that it judged.
        RunError: It is not complete.
    """
    scores = find_scores(str(path))
    if scores.run is None:
        raise RunError(f"{path}: not the finished run of fold {fold}; remove it, and continue with trainer.resume=auto")
    return FoldRun(fold, scores.run, scores)


def pool_evidence(found: Sequence[FoldRun], prepared: Prepared, directory: RunDirectory) -> Evidence:
    """Return what the audits read, every slice the union of what the folds judged of it, and write the ledger of all.

    Raises:
        RunError: The data have changed since a fold was trained.
    """
    for fold in found:
        _refuse_other_pairs(fold, prepared)
    names = sorted({name for fold in found for name in fold.scores.scores})
    scores = {n: pool_folds({str(f.fold): f.scores.scores[n] for f in found if n in f.scores.scores}) for n in names}
    names = sorted({name for fold in found for name in fold.scores.candidates})
    candidates = {
        n: CandidateTable(pa.concat_tables([f.scores.candidates[n].table for f in found if n in f.scores.candidates]))
        for n in names
    }
    ledger = pool_ledgers(prepared.ledger, {fold_name(f.fold): f.run.ledger for f in found})
    hits = [
        {"fold": f.fold, **json.loads(line)}
        for f in found
        for line in _lines(f.run.directory.data / "contamination.jsonl")
    ]
    write_jsonl(directory.data / "contamination.jsonl", hits)
    write_text(directory.data / "ledger.json", json.dumps(ledger, indent=2) + "\n")
    return Evidence(scores=scores, candidates=candidates, ledger=ledger, temperature=validation_temperature(scores))


def write_to_rate(found: Sequence[FoldRun], path: Path) -> int:
    """Write the answers that best-of-n needs rated of any fold; return how many there are.

    Raises:
        RunError: They cannot be written.
    """
    rows = [json.loads(line) for fold in found for line in _lines(fold.run.directory.to_rate)]
    if rows and not path.exists():  # else somebody may have begun to fill it in
        write_jsonl(path, rows)
    return len(rows)


def _refuse_other_pairs(fold: FoldRun, prepared: Prepared) -> None:
    """Compare what a fold's run held out, pair by pair with group and prompt, with the fold."""
    name = fold_name(fold.fold)
    wanted = {row[:2] + row[3:] for row in split_rows({name: prepared.splits[name]})}
    judged = {row[:2] + row[3:] for row in read_split(fold.run.directory.data) if row.split == "heldout"}
    if wanted != judged:
        raise RunError(
            f"{fold.run.directory.path}: judged {len(judged):,} pairs, its fold now has {len(wanted):,}, and "
            f"{len(judged ^ wanted):,} are in one alone: the data have changed; bring them back, or choose another "
            "hydra.run.dir"
        )


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
