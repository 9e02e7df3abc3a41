"""What a finished run says of itself: its data configuration, its ledger, its model. Read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rmx.config.schema import DataConfig
from rmx.config.strict import build_strict
from rmx.data.overlap import verify_split
from rmx.errors import RunError
from rmx.run.directory import RunDirectory

__all__ = ["SCORES", "FinishedRun", "find_run", "fold_sizes"]

SCORES = "scores/"
"""Before the name of a slice: the fingerprint in gate.json of the score table that was judged."""


@dataclass(frozen=True)
class FinishedRun:
    """A run directory that holds a verdict."""

    directory: RunDirectory
    config: Mapping[str, Any]
    ledger: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    """Of data, split, template and weights."""
    scores: Mapping[str, str]
    """Digest of the score table of each slice that was judged."""
    model_facts: Mapping[str, Any]

    @property
    def data(self) -> DataConfig:
        """The data configuration that the run was trained with."""
        return build_strict(DataConfig, self.config["data"], where=f"{self.directory.config}: data")

    @property
    def steps(self) -> tuple[int, int] | None:
        """Optimiser steps and pairs per step that the run was given; None where epochs told its length."""
        steps = self.config.get("trainer", {}).get("max_steps")
        return None if steps is None else (int(steps), int(self.config["batch"]["pairs"]))


def fold_sizes(ledger: Mapping[str, Any]) -> list[int]:
    """Return how many pairs the model of each fold was trained on; none where the run was no cross-fit."""
    return [fold["train"] for fold in (ledger.get("folds") or {}).values()]


def find_run(path: Path) -> FinishedRun | None:
    """Return the finished run that `path` is, or lies in (its model/ or scores/); None where it is something else.

    Raises:
        RunError: It is a run's directory, and one of its files cannot be read.
        DataError: Its split is not the recorded one, or leaks.
    """
    root = next((p for p in (path, path.parent, path.parent.parent) if (p / "gate.json").is_file()), None)
    if root is None or not (root / "config.yaml").is_file() or not (root / "data" / "ledger.json").is_file():
        return None
    directory = RunDirectory.join(root)
    verify_split(directory.data)
    try:
        config = yaml.safe_load(directory.config.read_text(encoding="utf-8"))
        ledger = json.loads((directory.data / "ledger.json").read_text(encoding="utf-8"))
        fingerprints = json.loads(directory.gate.read_text(encoding="utf-8"))["fingerprints"]
        contract = directory.model / "rmx.json"
        model = json.loads(contract.read_text(encoding="utf-8"))["model"] if contract.exists() else {}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise RunError(f"{root}: not a complete run ({error}); finish it with trainer.resume=auto") from None
    facts = {
        **model,
        "name": config["model"]["name"],
        "total_layers": model.get("layers_total"),
        "train_pairs": ledger["splits"].get("train"),
        **({"folds": folds} if (folds := fold_sizes(ledger)) else {}),
        "trained_here": True,
    }
    scores = {name.removeprefix(SCORES): value for name, value in fingerprints.items() if name.startswith(SCORES)}
    others = {name: value for name, value in fingerprints.items() if not name.startswith(SCORES)}
    return FinishedRun(directory, config, ledger, others, scores, facts)
