"""A run's directory: claimed by one job at a time, never overwritten, continued only when asked to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from rmx.directory_lock import lock_directory
from rmx.errors import RunError
from rmx.run.examples import EXAMPLES

__all__ = ["RunDirectory"]


@dataclass(frozen=True)
class RunDirectory:
    """Where the artefacts of one run lie; see docs/architecture.md for what each holds."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration, secrets redacted."""
        return self.path / "config.yaml"

    @property
    def record(self) -> Path:
        """Commit, versions, seeds, fingerprints, times."""
        return self.path / "record.json"

    @property
    def data(self) -> Path:
        """The ledger, the rejections and the split."""
        return self.path / "data"

    @property
    def checkpoints(self) -> Path:
        """What resuming needs."""
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        """The training curve."""
        return self.path / "metrics.csv"

    @property
    def dynamics(self) -> Path:
        """What the margin of each train and validation pair did in training."""
        return self.data / "dynamics.parquet"

    @property
    def suspects(self) -> Path:
        """Pairs whose labels a person should look at again."""
        return self.path / "review" / "suspects.jsonl"

    @property
    def to_rate(self) -> Path:
        """Answers that best-of-n chooses and nobody has rated."""
        return self.path / "review" / "to_rate.jsonl"

    @property
    def scores(self) -> Path:
        """Score tables and candidates by slice."""
        return self.path / "scores"

    @property
    def examples(self) -> Path:
        """The texts that the report shows."""
        return self.scores / EXAMPLES

    @property
    def audits(self) -> Path:
        """Audit results."""
        return self.path / "audits.json"

    @property
    def gate(self) -> Path:
        """The verdict."""
        return self.path / "gate.json"

    @property
    def model(self) -> Path:
        """The exported reward model."""
        return self.path / "model"

    @property
    def folds(self) -> Path:
        """Of a cross-fit: the run of each fold, under its number, and what they share."""
        return self.path / "folds"

    @property
    def final(self) -> Path:
        """Of a cross-fit: the run of a model that was trained on all folds, where one was asked for."""
        return self.path / "final"

    @property
    def comparison(self) -> Path:
        """What several scores of the same slices have against each other."""
        return self.path / "comparison.json"

    @property
    def decision(self) -> Path:
        """Explicit reward model or DPO, with reasons."""
        return self.path / "decision.json"

    @property
    def report(self) -> Path:
        """The page that people read."""
        return self.path / "report.html"

    @classmethod
    def claim(cls, path: Path, *, resume: bool = False) -> RunDirectory:
        """Take the directory for this process until it ends.

        Raises:
            RunError: Another job holds it, it cannot be written, or it holds a run and `resume` is false.
        """
        directory = cls(path)
        _HELD.append(lock_directory(path))
        if not resume and (directory.config.exists() or directory.checkpoints.exists()):
            raise RunError(
                f"{path}: this directory already holds a run; choose another hydra.run.dir, "
                "or continue it with trainer.resume=auto"
            )
        return directory

    @classmethod
    def join(cls, path: Path) -> RunDirectory:
        """Use a directory that another process of the same job has claimed."""
        return cls(path)


def is_launched_rank() -> bool:
    """Return whether this process is a rank that the first process of the job started."""
    return (
        int(os.environ.get("LOCAL_RANK", "0")) > 0
        or int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) > 0
    )


_HELD: list[FileLock] = []
"""Locks live as long as the process: a garbage-collected one would free the directory."""
