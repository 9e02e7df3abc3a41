"""`sweep.json`: the trials of a sweep, written as they begin and end, so that a killed one goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rmx.errors import RunError
from rmx.search.jobs import FINISHED
from rmx.search.method import Point
from rmx.whole_file import write_text

__all__ = ["SweepRecord", "Trial"]


@dataclass(frozen=True)
class Trial:
    """A trial that has begun."""

    number: int
    values: Mapping[str, Any]
    place: Mapping[str, float]
    exit_status: int | None = None
    """None until it ends, and for ever where it was killed with the sweep."""
    seconds: float = 0.0
    error: str = ""

    @property
    def point(self) -> Point:
        """What it tries."""
        return Point(self.values, self.place)

    @property
    def finished(self) -> bool:
        """Whether it ran to its end; what failed is tried again."""
        return self.exit_status in FINISHED


@dataclass
class SweepRecord:
    """What has been asked for, and the trials so far by number."""

    path: Path
    asked: Mapping[str, Any]
    trials: dict[int, Trial] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, asked: Mapping[str, Any]) -> SweepRecord:
        """Return the record of a directory: a new one, or that of the sweep that is to go on.

        Args:
            path: The file.
            asked: What makes a sweep the same one, as JSON would have it.

        Raises:
            RunError: The directory holds another sweep, or the file is damaged.
        """
        asked = json.loads(json.dumps(asked, default=str))
        if not path.exists():
            return cls(path, asked)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            begun = content["asked"]
            trials = {int(trial["number"]): Trial(**trial) for trial in content["trials"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path}: cannot be read ({error}); choose another hydra.run.dir") from None
        for key in asked:
            if begun.get(key) != asked[key]:
                raise RunError(
                    f"{path.parent}: this sweep was begun with {key}={begun.get(key)}, not {asked[key]}; give it as it "
                    "was, or choose another hydra.run.dir"
                )
        return cls(path, asked, trials)

    def put(self, trial: Trial) -> None:
        """Add a trial or what became of it, and write the file."""
        self.trials[trial.number] = trial
        content = {"asked": self.asked, "trials": [asdict(trial) for trial in self.trials.values()]}
        write_text(self.path, json.dumps(content, indent=1, default=str))
