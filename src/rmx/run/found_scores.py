"""Score tables as `scores=…` names them: a file, a run's directory or its scores/, with what lies beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rmx.audits.evidence import Evidence
from rmx.domain import Candidate
from rmx.errors import DataError
from rmx.run.examples import EXAMPLES, read_texts
from rmx.run.finished import FinishedRun, find_run
from rmx.run.judgement import validation_temperature
from rmx.score_table import CandidateTable, ScoreTable, read_candidates, read_scores

__all__ = ["FoundScores", "find_scores"]

_CANDIDATES = ".candidates"
"""Ends the name of a file of candidates, before its kind."""
_SAMPLES = "samples"
"""The slice of candidates that name none and come without scores."""


@dataclass(frozen=True)
class FoundScores:
    """Tables by slice, and what is known of where they come from."""

    path: str
    """As it was given."""
    files: Sequence[Path]
    scores: Mapping[str, ScoreTable]
    candidates: Mapping[str, CandidateTable]
    run: FinishedRun | None
    """The finished run that judged these very tables."""
    texts: Mapping[str, Candidate]
    """The few texts that were left beside them, by candidate."""

    @cached_property
    def evidence(self) -> Evidence:
        """What audits read."""
        return Evidence(
            scores=self.scores,
            candidates=self.candidates,
            ledger=None if self.run is None else self.run.ledger,
            temperature=validation_temperature(self.scores),
        )

    @property
    def model_facts(self) -> Mapping[str, Any]:
        """What is known of the model, see `rmx.report.summary.model_sentence`."""
        if self.run is None:
            return {"name": f"scores of {self.files[0].name}", "trained_here": False}
        return self.run.model_facts

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each slice's table."""
        return {name: table.digest for name, table in self.evidence.judged().items()}


def find_scores(path: str) -> FoundScores:
    """Read the tables of a file or a directory.

    Raises:
        DataError: There are none, they cannot be used, or they are not those that their run judged.
        RunError: They lie in a run's directory, and one of its files cannot be read.
    """
    return _read(path, _files(path))


def _files(scores: str) -> list[Path]:
    """Return the files that the configuration names: one, or those of a run directory or its scores/.

    Candidates beside their scores are not among them; candidates without scores are samples, and stand for themselves.
    """
    path = Path(scores)
    if not path.is_dir():
        return [path]
    folder = path / "scores" if (path / "scores").is_dir() else path
    tables = sorted(folder.glob("*.parquet"))
    beside = {_candidates_beside(p) for p in tables if not _holds_candidates(p)}
    files = [p for p in tables if p not in beside]
    if not files:
        raise DataError(f"{path}: holds no score tables; give a file, or the directory of a finished run")
    return files


def _holds_candidates(file: Path) -> bool:
    return f"{_CANDIDATES}." in file.name


def _candidates_beside(file: Path) -> Path:
    return file.with_name(f"{file.stem}{_CANDIDATES}.parquet")


def _read(path: str, files: Sequence[Path]) -> FoundScores:
    scores: dict[str, ScoreTable] = {}
    candidates: dict[str, CandidateTable] = {}
    for file in files:
        if _holds_candidates(file):
            _add(candidates, _by_slice(read_candidates(file, slice=_SAMPLES)))
            continue
        tables = read_scores(file).by_slice()
        for name, table in tables.items():
            scores[name] = scores[name].merge(table) if name in scores else table
        beside = _candidates_beside(file)
        if not beside.exists():
            continue
        found = _by_slice(read_candidates(beside))
        for name in found:
            if name not in tables:
                # Most likely rows that name no slice, which are read as heldout: audits would miss them silently.
                raise DataError(
                    f"{beside}: candidates of slice {name}, but {file.name} has {', '.join(tables)}; "
                    "give them the slice of their scores in a column slice"
                )
        _add(candidates, found)
    judged = Evidence(scores=scores, candidates=candidates).judged()
    texts = read_texts(files[0].parent / EXAMPLES)
    return FoundScores(path, files, scores, candidates, _judged_run(files, judged), texts)


def _add(candidates: dict[str, CandidateTable], more: Mapping[str, CandidateTable]) -> None:
    for name, table in more.items():
        both = [candidates[name].table, table.table] if name in candidates else [table.table]
        candidates[name] = CandidateTable(pa.concat_tables(both), table.metadata)


def _judged_run(files: Sequence[Path], judged: Mapping[str, ScoreTable | CandidateTable]) -> FinishedRun | None:
    """Return the finished run that judged these very tables; None where they only lie in its directory.

    A run's ledger proves its split, and its name stands in the report: neither may be lent to other scores.

    Raises:
        DataError: a table among the run's own is another than the run judged.
    """
    run = find_run(files[0].parent)
    if run is None:
        return None
    other = [name for name, table in judged.items() if run.scores.get(name) != table.digest]
    if other and files[0].resolve().parent == run.directory.scores.resolve():
        file = other[0] + (_CANDIDATES if isinstance(judged[other[0]], CandidateTable) else "")
        raise DataError(
            f"{run.directory.scores}/{file}.parquet: not the scores that {run.directory.gate} was decided on; "
            "put other scores into a directory of their own"
        )
    return None if other else run


def _by_slice(candidates: CandidateTable) -> dict[str, CandidateTable]:
    table = candidates.table
    names = sorted(table["slice"].unique().to_pylist())
    return {n: CandidateTable(table.filter(pc.equal(table["slice"], n)), candidates.metadata) for n in names}
