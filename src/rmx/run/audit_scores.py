"""Audits and gate from score tables alone: a finished run, or files of any scorer. Never imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmx.audits.evidence import Evidence
from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.errors import ConfigError, DataError
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
    files = _files(config.scores)
    found = _read(files)
    audits = build_audits(config.audit)
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


def _files(scores: Any) -> list[Path]:
    """Return the score files that the configuration names: files, a run directory, or its scores/."""
    names: Sequence[Any] = scores if isinstance(scores, list | tuple) else [scores]
    if not names or any(not isinstance(name, str | Path) for name in names):
        raise ConfigError("scores: give a .parquet, .csv or .jsonl file, a list of them, or a run directory")
    files: list[Path] = []
    for path in map(Path, names):
        if not path.is_dir():
            files.append(path)
            continue
        folder = path / "scores" if (path / "scores").is_dir() else path
        inside = sorted(p for p in folder.glob("*.parquet") if not p.stem.endswith(_CANDIDATES))
        if not inside:
            raise DataError(f"{path}: holds no score tables; give a file, or the directory of a finished run")
        files += inside
    return files


def _read(files: Sequence[Path]) -> _Found:
    scores: dict[str, ScoreTable] = {}
    candidates: dict[str, CandidateTable] = {}
    for file in files:
        for name, table in read_scores(file).by_slice().items():
            scores[name] = scores[name].merge(table) if name in scores else table
        beside = file.with_name(f"{file.stem}{_CANDIDATES}.parquet")
        if beside.exists():
            candidates[file.stem] = read_candidates(beside)
    return _Found(scores, candidates, find_run(files[0].parent))
