"""Audits and gate from score tables alone: a finished run, or a file of any scorer. Never imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from rmx.audits.evidence import Evidence
from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.errors import DataError
from rmx.gate import build_requirements
from rmx.record import RunRecord
from rmx.run.directory import RunDirectory
from rmx.run.finished import FinishedRun, find_run
from rmx.run.judgement import exit_status, judge, show, validation_temperature
from rmx.score_table import CandidateTable, ScoreTable, read_candidates, read_scores

__all__ = ["audit_scores"]

_CANDIDATES = ".candidates"
"""Ends the name of a file of candidates, before its kind."""
_SAMPLES = "samples"
"""The slice of candidates that name none and come without scores."""


@dataclass(frozen=True)
class _Found:
    scores: dict[str, ScoreTable]
    candidates: dict[str, CandidateTable]
    run: FinishedRun | None


def audit_scores(config: Config) -> int:
    """Audit the tables that `scores` names, in a directory of its own; return the exit status."""
    audits = build_audits(config.audit)
    build_requirements(config.gate)
    files = _files(config.scores)
    found = _read(files)
    directory = RunDirectory.claim(Path(config.paths.run))
    record = RunRecord.begin("audit", seeds={"seed": config.seed})
    run = found.run
    evidence = Evidence(
        scores=found.scores,
        candidates=found.candidates,
        ledger=None if run is None else run.ledger,
        temperature=validation_temperature(found.scores),
    )
    record.fingerprints.update({} if run is None else run.fingerprints)
    with record.phase("judgement"):
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
    facts = {"name": f"scores of {files[0].name}", "trained_here": False} if run is None else run.model_facts
    show(judgement, evidence, directory, record=record, config=redacted(config), model_facts=facts)
    return exit_status(judgement.decision, config.gate)


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


def _read(files: Sequence[Path]) -> _Found:
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
    return _Found(scores, candidates, _judged_run(files, judged))


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
