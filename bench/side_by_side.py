"""Two programs measured alternately, each time in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["bf16_rate", "machine", "median", "peak_gib", "run_side"]


def run_side(script: str, side: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run `script --side=SIDE …` in a fresh process; return the JSON object it writes."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        environment = {**os.environ, "RMX_BENCH_ANSWER": str(answer), "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, script, f"--side={side}", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        found: dict[str, Any] = json.loads(answer.read_text())
    return found


def answer(values: dict[str, Any]) -> None:
    """Give `run_side` its answer."""
    Path(os.environ["RMX_BENCH_ANSWER"]).write_text(json.dumps(values))


def peak_gib() -> float:
    """Return the most memory this process had resident so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))


def machine() -> str:
    """Return processor, cores, versions and load, in a line."""
    from importlib.metadata import version

    import torch

    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    versions = ", ".join(f"{n} {version(n)}" for n in ("torch", "transformers", "peft"))
    return f"{names[0]}, {torch.get_num_threads()} threads, {versions}, load {os.getloadavg()[0]:.2f}"


def bf16_rate() -> dict[str, float]:
    """Return GFLOP/s of a 2048 x 2048 x 2048 product in bfloat16 and float32, the best of five."""
    import time

    import torch

    rates = {}
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
        seconds = []
        for _ in range(6):
            start = time.perf_counter()
            a @ b
            seconds.append(time.perf_counter() - start)
        rates[name] = 2 * 2048**3 / min(seconds[1:]) / 1e9
    return rates
