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
    """Return the score files that the configuration names: one file, or those of a run directory or its scores/."""
    path = Path(scores)
    if not path.is_dir():
        return [path]
    folder = path / "scores" if (path / "scores").is_dir() else path
    files = sorted(p for p in folder.glob("*.parquet") if not p.stem.endswith(_CANDIDATES))
    if not files:
        raise DataError(f"{path}: holds no score tables; give a file, or the directory of a finished run")
    return files


def _read(files: Sequence[Path]) -> _Found:
    scores: dict[str, ScoreTable] = {}
    candidates: dict[str, CandidateTable] = {}
    for file in files:
        tables = read_scores(file).by_slice()
        for name, table in tables.items():
            scores[name] = scores[name].merge(table) if name in scores else table
        beside = file.with_name(f"{file.stem}{_CANDIDATES}.parquet")
        if not beside.exists():
            continue
        for name, found in _by_slice(read_candidates(beside)).items():
            if name not in tables:
                # Most likely rows that name no slice, which are read as heldout: audits would miss them silently.
                raise DataError(
                    f"{beside}: candidates of slice {name}, but {file.name} has {', '.join(tables)}; "
                    "give them the slice of their scores in a column slice"
                )
            both = [candidates[name].table, found.table] if name in candidates else [found.table]
            candidates[name] = CandidateTable(pa.concat_tables(both), found.metadata)
    return _Found(scores, candidates, _judged_run(files, scores))


def _judged_run(files: Sequence[Path], scores: Mapping[str, ScoreTable]) -> FinishedRun | None:
    """Return the finished run that judged these very tables; None where they only lie in its directory.

    A run's ledger proves its split, and its name stands in the report: neither may be lent to other scores.

    Raises:
        DataError: a table among the run's own is another than the run judged.
    """
    run = find_run(files[0].parent)
    if run is None:
        return None
    other = [name for name, table in scores.items() if run.scores.get(name) != table.digest]
    if other and files[0].resolve().parent == run.directory.scores.resolve():
        raise DataError(
            f"{run.directory.scores}/{other[0]}.parquet: not the scores that {run.directory.gate} was decided on; "
            "put other scores into a directory of their own"
        )
    return None if other else run


def _by_slice(candidates: CandidateTable) -> dict[str, CandidateTable]:
    table = candidates.table
    names = sorted(table["slice"].unique().to_pylist())
    return {n: CandidateTable(table.filter(pc.equal(table["slice"], n)), candidates.metadata) for n in names}
