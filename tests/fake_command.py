"""A command without a model, for tests of the entry and the launcher: `logger.project` says how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rmx.config.entry import run_command
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.errors import DataError


def task(config: Config) -> int:
    """Leave a curve and a verdict, as a run would; accuracy falls with `loss.center`."""
    ending = config.logger.project
    if ending == "data-error":
        raise DataError("pairs.jsonl, row 3: no column `chosen`;\n name it with data.columns.chosen")
    if ending == "crash":
        raise ZeroDivisionError("integer division by zero")
    if ending == "interrupt":
        raise KeyboardInterrupt
    heavy = sorted({"torch", "pytorch_lightning", "transformers", "wandb", "datasets"} & set(sys.modules))
    print(json.dumps({"argv": sys.argv[1:], "config": redacted(config), "heavy": heavy}))
    if ending == "nothing":
        return 0
    run = Path(config.paths.run)
    last = 0.9 - config.loss.center
    (run / "metrics.csv").write_text(f"step,{config.trainer.monitor}\n1,\n2,0.95\n3,{last}\n4,nan\n")
    verdict = {"FAIL": 3, "INCONCLUSIVE": 4}.get(ending, 0)
    (run / "gate.json").write_text(json.dumps({"verdict": ending if verdict else "PASS"}))
    return verdict


def run_fake(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run this command as its users would, in `cwd`, without the variables that steer rmx."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RMX_", "HYDRA_"))}
    return subprocess.run(
        [sys.executable, "-m", "fake_command", *arguments],
        cwd=cwd,
        env={**inherited, "PYTHONPATH": str(Path(__file__).parent), "COLUMNS": "200", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )


if __name__ == "__main__":
    run_command("train", task)
